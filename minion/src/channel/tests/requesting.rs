use salt::{Map, Value, msgpack};

use super::master::{Decision, Lie, MASTER, MINION, Master, OTHER};
use crate::channel::wire::{bytes, now, text};
use crate::channel::{AuthOutcome, Error, MasterChannel};
use crate::crypt::{Crypticle, SigningAlgorithm};

fn new() -> (Master, MasterChannel, tempfile::TempDir) {
    let (master, dir) = (Master::new(), tempfile::tempdir().unwrap());
    let channel = master.channel(dir.path(), |_| {});
    (master, channel, dir)
}

fn load() -> Map {
    Map::new().with("cmd", "_return").with("id", "someone else").with("jid", "1")
}

fn keys(map: &Map) -> String {
    map.keys().map(|k| text(k).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn envelope_and_load_are_as_salt_sends_them() {
    let (master, channel, _dir) = new();
    assert_eq!(channel.request(load()).await, Ok(Value::Bool(true)));
    assert_eq!(channel.request(Map::new().with("cmd", "_file_envs")).await, Ok(Value::Bool(true)));
    let state = master.state();
    assert_eq!(keys(&state.envelopes[0]), "enc load version id enc_algo sig_algo");
    assert_eq!(state.envelopes[0].get("version"), Some(&Value::Int(3)));
    // The id keeps its place, or comes last; it is always our own.
    assert_eq!(keys(&state.loads[0]), "cmd id jid nonce ts tok");
    assert_eq!(keys(&state.loads[1]), "cmd nonce ts tok id");
    assert_eq!(text(state.loads[0].get("id").unwrap()), Some("vc1"));
    let ts = state.loads[0].get("ts").unwrap().as_i64().unwrap();
    assert!((now() - ts).abs() < 60);
    let tok = bytes(state.loads[0].get("tok").unwrap()).unwrap();
    assert!(MINION.public().verify_x931(b"salt", tok));
    assert_ne!(state.loads[0].get("nonce"), state.loads[1].get("nonce"));
}

#[tokio::test]
async fn signed_loads_leave_nonce_and_token_out() {
    let (master, dir) = (Master::new(), tempfile::tempdir().unwrap());
    let channel = master.channel(dir.path(), |c| c.minion_sign_messages = true);
    channel.request(load().with("return", Value::Bytes(vec![0xff]))).await.unwrap();
    let mut sent = master.state().loads[0].clone();
    assert_eq!(keys(&sent), "cmd id jid return nonce ts tok sig");
    let signature = sent.remove("sig").unwrap();
    sent.remove("nonce");
    sent.remove("tok");
    // The master makes text of what is UTF-8 before it packs the load again.
    let seen = msgpack::unpack(&msgpack::pack(&Value::Map(sent)).unwrap()).unwrap();
    let signed = msgpack::pack_modern(&seen).unwrap();
    assert!(MINION.public().verify(SigningAlgorithm::Pkcs1v15Sha1, &signed, bytes(&signature).unwrap()));
}

#[tokio::test]
async fn a_new_session_key_costs_one_auth_and_one_resend() {
    let (master, channel, _dir) = new();
    channel.request(load()).await.unwrap();
    master.state().session = Crypticle::generate();
    assert_eq!(channel.request(load()).await, Ok(Value::Bool(true)));
    let state = master.state();
    assert_eq!((state.auths.len(), state.envelopes.len()), (2, 3));
}

#[tokio::test]
async fn plain_answers_never_pass_for_success() {
    let (master, channel, _dir) = new();
    channel.authenticate().await.unwrap();
    for (lie, sentence) in [(Lie::Plain, "bad load"), (Lie::Nil, "NoneType")] {
        master.state().lie = lie;
        let before = master.counts();
        let told = channel.request_with(load(), channel.config().request_timeout, 2).await;
        assert_eq!(told, Err(Error::Refused(sentence.into())));
        // Each try: one request, one `_auth`, one resend; and no more.
        let after = master.counts();
        assert_eq!((after.0 - before.0, after.1 - before.1), (2, 4));
    }
    master.state().lie = Lie::Noise;
    assert!(matches!(channel.request(load()).await, Err(Error::Decode(_))));
}

#[tokio::test]
async fn a_reply_to_another_request_is_asked_for_anew() {
    let (master, channel, _dir) = new();
    channel.authenticate().await.unwrap();
    master.state().lie = Lie::Nonce;
    assert!(matches!(channel.request(load()).await, Err(Error::Replay(_))));
    let state = master.state();
    assert_eq!((state.auths.len(), state.envelopes.len()), (1, 3));
    let nonces: std::collections::HashSet<_> =
        state.loads.iter().map(|l| text(l.get("nonce").unwrap()).unwrap().to_owned()).collect();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test]
async fn a_timeout_is_tried_again_and_told_at_last() {
    let (master, channel, _dir) = new();
    channel.authenticate().await.unwrap();
    master.state().deaf = 2;
    assert_eq!(channel.request(load()).await, Ok(Value::Bool(true)));
    master.state().deaf = 3;
    assert_eq!(channel.request(load()).await, Err(Error::Timeout));
}

#[tokio::test]
async fn a_deleted_key_is_told_as_what_it_is() {
    let (master, channel, _dir) = new();
    channel.authenticate().await.unwrap();
    master.state().session = Crypticle::generate();
    master.state().decision = Decision::Pending;
    let told = channel.request(load()).await;
    assert_eq!(told, Err(Error::Unauthenticated(AuthOutcome::Pending)));
    assert_eq!(master.state().envelopes.len(), 1, "no second try is made");
}

#[tokio::test]
async fn contents_of_files_stay_bytes() {
    let (master, channel, _dir) = new();
    master.state().value = Value::Map(Map::new().with("data", "text?").with("gzip", Value::Int(5)));
    let reply = channel.request_raw_bytes(load()).await.unwrap();
    assert_eq!(reply.get("data"), Some(&Value::Bytes(b"text?".to_vec())));
    let reply = channel.request(load()).await.unwrap();
    assert_eq!(reply.get("data"), Some(&Value::Str("text?".into())));
}

#[tokio::test]
async fn clear_loads_are_echoed() {
    let (_master, channel, _dir) = new();
    let ping = Map::new().with("cmd", "ping");
    let pong = channel.clear(ping.clone(), channel.config().auth_timeout).await;
    assert_eq!(pong, Ok(Value::Map(ping)));
}

fn pillar() -> Map {
    Map::new().with("id", "vc1").with("grains", Map::new()).with("cmd", "_pillar")
}

#[tokio::test]
async fn a_pillar_is_opened_and_a_missing_key_costs_one_auth() {
    let (master, channel, _dir) = new();
    let value = Value::Map(Map::new().with("proxy", Map::new().with("proxytype", "vcenter")));
    master.state().value = value.clone();
    assert_eq!(channel.pillar(pillar()).await, Ok(value.clone()));
    assert_eq!(keys(&master.state().loads[0]), "id grains cmd nonce ts tok");
    master.state().keyless = 1;
    assert_eq!(channel.pillar(pillar()).await, Ok(value.clone()));
    assert_eq!(master.state().auths.len(), 2);
    // The same question, so the same nonce.
    let nonce = |n: usize| master.state().loads[n].get("nonce").cloned();
    assert_eq!(nonce(1), nonce(2));
    master.state().keyless = 2;
    assert_eq!(channel.pillar(pillar()).await, Err(Error::Refused("AES key not found".into())));
    master.state().session = Crypticle::generate();
    assert_eq!(channel.pillar(pillar()).await, Ok(value));
}

#[tokio::test]
async fn a_pillar_of_doubtful_origin_is_refused() {
    let (master, channel, _dir) = new();
    channel.authenticate().await.unwrap();
    for lie in [Lie::Key, Lie::Nonce] {
        master.state().lie = lie;
        let told = channel.pillar(pillar()).await.unwrap_err();
        let expected = match lie {
            Lie::Nonce => matches!(told, Error::Replay(_)),
            _ => matches!(told, Error::Signature(_)),
        };
        assert!(expected, "{told:?}");
    }
    // A pillar that OTHER signed: one `_auth` of the real master, and it is still not believed.
    master.state().lie = Lie::Nothing;
    let genuine = master.clone();
    genuine.state().keys = &OTHER;
    let told = channel.pillar(pillar()).await;
    assert_eq!(told, Err(Error::Unauthenticated(AuthOutcome::MasterKeyChanged)));
    genuine.state().keys = &MASTER;
    assert!(channel.pillar(pillar()).await.is_ok());
}
