use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::tags::{CategoryUpdate, TagUpdate};
use super::*;
use crate::double::{Asked, Double, Reply};
use crate::vim::MoRef;

/// A server with `/api`, its session and one operation.
async fn server(operation: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> (Double, Rest) {
    let (logins, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let double = Double::start(move |request| match request.line.as_str() {
        "POST /api/session" => {
            let number = logins.fetch_add(1, Ordering::SeqCst);
            Some(Reply::new(201, format!("\"id-{number}\"")))
        }
        "DELETE /api/session" => Some(Reply::new(204, "")),
        line if line.contains(" /api/") || line.contains(" /rest/") => {
            Some(operation(request, asked.fetch_add(1, Ordering::SeqCst)))
        }
        _ => None,
    })
    .await;
    let session = double.session();
    (double, Rest::new(&session))
}

#[tokio::test]
async fn all_who_come_share_one_login_that_ends_with_the_session() {
    let (double, rest) = server(|_, _| Reply::new(200, "[1]")).await;
    let calls = (0..8).map(|_| rest.get("/api/vcenter/vm"));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), json!([1]));
    }
    assert_eq!((double.count("POST /api/session"), double.count("Login")), (1, 1));
    let asked = double.asked();
    let login = asked.iter().find(|it| it.line == "POST /api/session").unwrap();
    assert_eq!(login.header("authorization"), Some("Basic cm9vdDpzZWNyZXQ="));
    let call = asked.iter().find(|it| it.line == "GET /api/vcenter/vm").unwrap();
    assert_eq!(call.header(SESSION), Some("id-0"));
    assert_eq!(call.header("authorization"), None);

    rest.session.close().await;
    assert_eq!((double.count("DELETE /api/session"), double.count("Logout")), (1, 1));
    assert!(matches!(rest.get("/api/vcenter/vm").await, Err(Error::Closed)));
    rest.session.close().await;
    assert_eq!(double.count("DELETE /api/session"), 1);
}

#[tokio::test]
async fn a_forgotten_session_is_renewed_once() {
    let (double, rest) = server(|request, _| match request.header(SESSION) {
        Some("id-0") => Reply::new(401, "{}"),
        _ => Reply::new(200, "true"),
    })
    .await;
    let answers = futures::future::join_all((0..4).map(|_| rest.get("/api/x"))).await;
    assert!(answers.iter().all(|it| it.as_ref().is_ok_and(|it| *it == json!(true))), "{answers:?}");
    assert_eq!((double.count("POST /api/session"), double.count("Login")), (2, 1));

    let (double, rest) = server(|_, _| Reply::new(401, "{}")).await;
    assert!(rest.get("/api/x").await.unwrap_err().is("UNAUTHENTICATED"));
    assert_eq!(double.count("POST /api/session"), 2);
}

#[tokio::test]
async fn a_busy_service_is_waited_for() {
    let (double, rest) = server(|_, number| match number {
        0 | 1 => Reply::new(503, "").header("retry-after", "0"),
        _ => Reply::new(200, "\"made\""),
    })
    .await;
    assert_eq!(rest.post("/api/x", &json!({"a": 1})).await.unwrap(), json!("made"));
    let bodies: Vec<_> = double.asked().into_iter().filter(|it| it.line == "POST /api/x").collect();
    assert!(bodies.len() == 3 && bodies.iter().all(|it| it.body == "{\"a\":1}"), "{bodies:?}");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_sent_again() {
    let (double, rest) = server(|_, _| Reply::new(200, "[1]").cut(1)).await;
    let error = rest.post("/api/x", &json!({})).await.unwrap_err();
    assert!(matches!(error, Error::Transport { sent: true, .. }), "{error}");
    assert_eq!(double.count("POST /api/x"), 1);
    let (_double, rest) = server(|_, _| Reply::new(500, "<html>oops</html>")).await;
    assert!(rest.post("/api/x", &json!({})).await.unwrap_err().is("ERROR"));
    let (_double, rest) = server(|_, _| Reply::new(200, "<html>a proxy</html>")).await;
    let error = rest.get("/api/x").await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error}");
}

#[tokio::test]
async fn an_older_server_is_asked_in_its_way() {
    let double = Double::start(|request| match request.line.as_str() {
        "POST /rest/com/vmware/cis/session" => Some(Reply::new(200, r#"{"value": "old"}"#)),
        "DELETE /rest/com/vmware/cis/session" => Some(Reply::new(200, "")),
        "GET /rest/vcenter/vm" => Some(Reply::new(200, r#"{"value": [{"vm": "vm-1"}]}"#)),
        _ => None,
    })
    .await;
    let rest = Rest::new(&double.session());
    assert_eq!(rest.get("/rest/vcenter/vm").await.unwrap(), json!([{"vm": "vm-1"}]));
    assert!(!rest.has_api().await.unwrap());
    rest.session.close().await;
    assert_eq!(double.count("DELETE /rest/com/vmware/cis/session"), 1);
}

#[tokio::test]
async fn a_refused_user_is_not_tried_until_the_account_is_locked() {
    let double = Double::start(|request| {
        let body = r#"{"error_type":"UNAUTHENTICATED","messages":[{"default_message":"No."}]}"#;
        (request.line == "POST /api/session").then(|| Reply::new(401, body))
    })
    .await;
    let rest = Rest::new(&double.session());
    for _ in 0..3 {
        let error = rest.get("/api/x").await.unwrap_err();
        assert!(matches!(&error, Error::Login { reason, .. } if reason == "No."), "{error}");
    }
    assert_eq!(double.count("POST /api/session"), 1);

    let without = Double::start(|_| None).await;
    let error = Rest::new(&without.session()).get("/api/x").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn a_version_says_which_paths_there_are() {
    for (version, api) in
        [("6.5", false), ("7.0.0.0", false), ("7.0.1.1", false), ("7.0.2.0", true), ("8.0.3.0", true)]
    {
        assert_eq!(is_new(version), api, "{version}");
    }
}

#[tokio::test]
async fn the_tags_of_all_objects_cost_one_question() {
    let (double, rest) = server(|request, _| match request.line.as_str() {
        "POST /api/cis/tagging/tag-association?action=list-attached-tags-on-objects" => Reply::new(
            200,
            r#"[{"object_id": {"id": "vm-1", "type": "VirtualMachine"}, "tag_ids": ["t:2", "t:1", "t:gone"]},
                {"object_id": {"id": "vm-2", "type": "VirtualMachine"}, "tag_ids": ["t:1"]},
                {"object_id": {"id": "vm-3", "type": "VirtualMachine"}, "tag_ids": []}]"#,
        ),
        "GET /api/cis/tagging/tag/t:1" => {
            Reply::new(200, r#"{"id": "t:1", "name": "alpha", "description": "", "category_id": "c"}"#)
        }
        "GET /api/cis/tagging/tag/t:2" => {
            Reply::new(200, r#"{"id": "t:2", "name": "beta", "description": "", "category_id": "c"}"#)
        }
        _ => Reply::new(404, r#"{"error_type": "NOT_FOUND", "messages": []}"#),
    })
    .await;
    let tags = Tags::new(rest);
    let vms: Vec<MoRef> = (1..=3).map(|n| MoRef::new("VirtualMachine", format!("vm-{n}"))).collect();
    for _ in 0..2 {
        let found = tags.attached_to(&vms).await.unwrap();
        let names =
            |vm: &MoRef| found.get(vm).map(|tags| tags.iter().map(|it| it.name.as_str()).collect::<Vec<_>>());
        assert_eq!(names(&vms[0]), Some(vec!["alpha", "beta"]));
        assert_eq!(names(&vms[1]), Some(vec!["alpha"]));
        assert_eq!(names(&vms[2]), None);
    }
    let bulk = "POST /api/cis/tagging/tag-association?action=list-attached-tags-on-objects";
    assert_eq!((double.count(bulk), double.count("GET /api/cis/tagging/tag/t:1")), (2, 1));
    tags.delete_tag("t:1").await.unwrap_err();
}

#[tokio::test]
async fn only_what_is_given_of_a_tag_is_changed() {
    let update = TagUpdate { name: None, description: Some(String::new()) };
    let more = CategoryUpdate {
        multiple: Some(true),
        associable_types: Some(vec!["Folder".into()]),
        ..CategoryUpdate::default()
    };
    let bodies = |double: &Double| -> Vec<Value> {
        let patches = double.asked().into_iter().filter(|it| it.line.starts_with("PATCH "));
        patches.map(|it| serde_json::from_str(&it.body).unwrap()).collect()
    };
    let new =
        [json!({"description": ""}), json!({"cardinality": "MULTIPLE", "associable_types": ["Folder"]})];

    let (double, rest) = server(|_, _| Reply::new(204, "")).await;
    let tags = Tags::new(rest);
    tags.update_tag("t:1", &update).await.unwrap();
    tags.update_category("c:1", &more).await.unwrap();
    assert_eq!(bodies(&double), new);

    let double = Double::start(|request| match request.line.as_str() {
        "POST /rest/com/vmware/cis/session" => Some(Reply::new(200, r#"{"value": "old"}"#)),
        line if line.starts_with("PATCH /rest/com/vmware/cis/tagging/") => Some(Reply::new(200, "")),
        _ => None,
    })
    .await;
    let tags = Tags::new(Rest::new(&double.session()));
    tags.update_tag("t:1", &update).await.unwrap();
    tags.update_category("c:1", &more).await.unwrap();
    assert_eq!(bodies(&double), new.map(|spec| json!({"update_spec": spec})));
}

/// What is remembered of a tag serves lists; who asks for one tag is told what it is now.
#[tokio::test]
async fn a_tag_that_is_asked_for_is_read() {
    let (double, rest) = server(|_, number| {
        let body =
            json!({"id": "t:1", "name": format!("name-{number}"), "category_id": "c", "used_by": ["x"]});
        Reply::new(200, body.to_string())
    })
    .await;
    let tags = Tags::new(rest);
    let ids = ["t:1".to_owned()];
    assert_eq!(tags.tags_of(&ids).await.unwrap()[0].name, "name-0");
    assert_eq!(tags.tags_of(&ids).await.unwrap()[0].name, "name-0");
    let tag = tags.look_at_tag("t:1").await.unwrap();
    assert_eq!((tag.name.as_str(), tag.used_by.as_slice()), ("name-1", ["x".to_owned()].as_slice()));
    assert_eq!(tags.tags_of(&ids).await.unwrap()[0].name, "name-1");
    assert_eq!(double.count("GET /api/cis/tagging/tag/t:1"), 2);
}
