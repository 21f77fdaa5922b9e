use std::fs;
use std::path::Path;

use salt::{Map, Value, list, map};

use super::*;

fn no_env(_: &str) -> Option<String> {
    None
}

fn request(dir: &Path, id: &str) -> Request {
    Request {
        role: Role::Proxy,
        dir: Some(dir.into()),
        id: Some(id.into()),
        overrides: Map::new(),
        env: no_env,
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn every_default_is_yaml_of_its_own_type_and_named_once() {
    let mut names = Vec::new();
    for option in options::all() {
        assert!(!names.contains(&option.name), "{} is declared twice", option.name);
        names.push(option.name);
        if option.default.is_empty() {
            continue;
        }
        let value = salt::yaml::load(option.default).unwrap();
        assert!(
            kind::fit(option.kinds, &value).is_some(),
            "the default of {} is {}",
            option.name,
            value.repr()
        );
    }
    for section in options::SECTIONS {
        for option in section.options {
            assert!(option.doc.ends_with('.'), "{} wants a sentence", option.name);
        }
    }
}

#[test]
fn the_defaults_are_salts() {
    let recorded = salt::yaml::load(include_str!("../tests/data/defaults-3007.yaml")).unwrap();
    let defaults = options::defaults();
    for (name, value) in recorded.as_map().unwrap() {
        let name = name.as_str().unwrap();
        // Options that every start computes anew.
        if matches!(name, "id" | "conf_file" | "ipc_write_buffer") {
            continue;
        }
        // A proxy ends after one failed round (observed), whatever the table of minions says.
        let expected = if name == "master_tries" { Value::Int(1) } else { value.clone() };
        assert_eq!(defaults.get(name).map(Value::repr), Some(expected.repr()), "{name}");
    }
}

#[test]
fn the_example_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy.example");
    let text = options::example();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "UPDATE=1 cargo test -p config writes it anew"
    );
    let uncommented: String = text
        .lines()
        .filter_map(|l| l.strip_prefix('#').filter(|r| !r.starts_with([' ', '#'])).map(|l| format!("{l}\n")))
        .collect();
    let value = salt::yaml::load(&uncommented).unwrap();
    assert_eq!(value.get("master_port"), Some(&4506.into()));
}

#[test]
fn an_empty_directory_gives_salts_paths() {
    let dir = tempfile::tempdir().unwrap();
    let config = load(&request(dir.path(), "px1")).unwrap();
    let path = |name| config.opts.get_str(name).unwrap();
    assert_eq!(path("id"), "px1");
    assert_eq!(path("pki_dir"), "/etc/salt/pki/proxy");
    assert_eq!(path("cachedir"), "/var/cache/salt/proxy/px1");
    assert_eq!(path("extension_modules"), "/var/cache/salt/proxy/extmods/px1");
    assert_eq!(path("sock_dir"), "/var/run/salt/proxy");
    assert_eq!(path("pidfile"), "/var/run/salt/px1/salt-minion.pid");
    assert_eq!(path("default_include"), "proxy.d/px1/*.conf");
    assert_eq!(path("log_file"), "/var/log/salt/proxy");
    assert_eq!(config.opts.get("master"), Some(&"salt".into()));
    assert!(config.warnings.is_empty() && config.files.is_empty());
}

#[test]
fn later_files_win() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    write(
        at,
        "proxy",
        "master: one\nroot_dir: /srv/other\nbeacons: {a: 1}\nunknown: [1]\ninclude: extra/*\nenvironment: dev\n",
    );
    write(at, "proxy.d/10.conf", "master: two\ngrains: {a: 1, l: [1]}\n");
    write(at, "proxy.d/20.conf", "grains: {b: 2, l: [2, 1]}\n");
    write(at, "proxy.d/.hidden.conf", "master: hidden\n");
    write(at, "proxy.d/px1/x.conf", "master: three\n");
    write(at, "proxy.d/px2/x.conf", "master: other\n");
    write(at, "extra/last", "log_level: debug\ninclude: ../more/*.conf\n");
    write(at, "more/x.conf", "test: true\n");
    let config = load(&request(at, "px1")).unwrap();
    let opts = &config.opts;
    assert_eq!(opts.get_str("master"), Some("three"));
    assert_eq!(opts.get("grains"), Some(&map! { "a" => 1, "l" => list![1, 2], "b" => 2 }.into()));
    assert_eq!(opts.get("unknown"), Some(&list![1]));
    assert_eq!(opts.get_str("saltenv"), Some("dev"));
    assert_eq!(opts.get_str("log_level"), Some("debug"));
    assert_eq!(opts.get("test"), Some(&true.into()));
    assert_eq!(opts.get_str("cachedir"), Some("/srv/other/var/cache/salt/proxy/px1"));
    assert_eq!(opts.get_str("conf_file"), Some(at.join("proxy").to_str().unwrap()));
    assert_eq!(config.files.len(), 6);
    assert_eq!(load(&request(at, "px2")).unwrap().opts.get_str("master"), Some("other"));
}

#[test]
fn mistakes_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("proxy").display().to_string();
    write(dir.path(), "proxy", "a: 1\nmaster: [x\n");
    let error = load(&request(dir.path(), "px1")).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "Error parsing configuration file: {file} - while parsing a flow sequence\n  in \"{file}\", line 2, column 9\n\
             did not find expected ',' or ']'\n  in \"{file}\", line 3, column 1"
        )
    );
    write(dir.path(), "proxy", "just text\n");
    let error = load(&request(dir.path(), "px1")).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("Error parsing configuration file: {file} - conf should be a document, not str.")
    );
    write(
        dir.path(),
        "proxy",
        "# c\nmaster: {a: b}\nauth_tries: many\nmaster_port: '4511'\nmaster_tries: '3'\nid: 12\ngit_pillar_password: [x]\n",
    );
    let config = load(&request(dir.path(), "px1")).unwrap();
    let warnings: Vec<String> = config.warnings.iter().map(Error::to_string).collect();
    assert_eq!(
        warnings,
        [
            format!("{file}:2: the option 'master' must be text or a list, got {{'a': 'b'}}"),
            format!("{file}:3: the option 'auth_tries' must be a whole number, got 'many'"),
            format!("{file}:7: the option 'git_pillar_password' must be text, got a secret"),
        ]
    );
    assert_eq!(config.opts.get("auth_tries"), Some(&7.into()));
    assert_eq!(config.opts.get("master_tries"), Some(&3.into()));
    assert_eq!(config.opts.get_str("id"), Some("12"));
    write(dir.path(), "proxy", "signing_algorithm: MD5\n");
    let error = load(&request(dir.path(), "px1")).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{file}:1: the option 'signing_algorithm' must be PKCS1v15-SHA1 or PKCS1v15-SHA224, got 'MD5'"
        )
    );
}

#[test]
fn files_that_include_each_other_end() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "proxy", "include: a.conf\n");
    write(dir.path(), "a.conf", "include: a.conf\n");
    assert!(matches!(load(&request(dir.path(), "px1")), Err(Error::Cycle { .. })));
    write(dir.path(), "proxy", "include: none/*.conf\n");
    assert_eq!(load(&request(dir.path(), "px1")).unwrap().warnings.len(), 1);
}

#[test]
fn a_broken_schedule_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "proxy.d/_schedule.conf", "schedule: [\n");
    let config = load(&request(dir.path(), "px1")).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert!(dir.path().join("proxy.d/_schedule.confYAMLError").is_file());
}

#[test]
fn ids_are_checked_before_they_become_paths() {
    let dir = tempfile::tempdir().unwrap();
    for id in ["../../etc", "", "a/b"] {
        assert!(matches!(load(&request(dir.path(), id)), Err(Error::Id { .. })), "{id}");
    }
    assert_eq!(load(&Request { id: None, ..request(dir.path(), "") }).unwrap_err(), Error::NoId);
    write(dir.path(), "proxy", "id: real\nappend_domain: example.com\n");
    assert_eq!(load(&request(dir.path(), "px1")).unwrap().opts.get_str("id"), Some("real.example.com"));
}

#[test]
fn a_minion_has_its_own_file() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "minion_id", "m1\n");
    write(dir.path(), "minion", "master: m\n");
    write(dir.path(), "proxy", "master: p\n");
    write(dir.path(), "minion.d/x.conf", "test: true\n");
    let mut request = request(dir.path(), "px1");
    request.role = Role::Minion;
    request.id = None;
    request.overrides = map! { "file_client" => "local", "file_roots" => map! { "base" => ["/x"] } };
    let opts = load(&request).unwrap().opts;
    assert_eq!(opts.get_str("id"), Some("m1"));
    assert_eq!(opts.get_str("master"), Some("m"));
    assert_eq!(opts.get_str("cachedir"), Some("/var/cache/salt/minion"));
    assert_eq!(opts.get("test"), Some(&true.into()));
    assert_eq!(opts.get_str("file_client"), Some("local"));
}

#[test]
fn the_environment_names_file_and_directory() {
    static DIR: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    fn file(name: &str) -> Option<String> {
        (name == "SALT_PROXY_CONFIG").then(|| format!("{}/other", DIR.get().unwrap()))
    }
    fn directory(name: &str) -> Option<String> {
        (name == "SALT_CONFIG_DIR").then(|| DIR.get().unwrap().clone())
    }
    let dir = tempfile::tempdir().unwrap();
    DIR.set(dir.path().display().to_string()).unwrap();
    write(dir.path(), "other", "master: other\n");
    write(dir.path(), "proxy", "master: usual\n");
    let master = |dir: Option<&Path>, env| {
        let request = Request { dir: dir.map(Into::into), env, ..request(Path::new(""), "px1") };
        load(&request).unwrap().opts.get_str("master").unwrap().to_string()
    };
    assert_eq!(master(None, file), "other");
    assert_eq!(master(None, directory), "usual");
    assert_eq!(master(Some(dir.path()), file), "usual", "a directory of the command line wins");
}
