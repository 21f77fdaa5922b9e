use std::fs;
use std::path::Path;
use std::time::Duration;

use salt::{Map, Value};
use tempfile::TempDir;

use super::master::{Decision, Lie, MASTER, MINION, Master, OTHER, pub_sig};
use crate::channel::wire::text;
use crate::channel::{AuthOutcome, Error};
use crate::crypt::{self, clean};

fn accepted(renewed: bool) -> Result<AuthOutcome, Error> {
    Ok(AuthOutcome::Accepted { publish_port: 4505, renewed })
}

fn pin(dir: &Path) -> std::path::PathBuf {
    dir.join("minion_master.pub")
}

fn new() -> (Master, TempDir) {
    (Master::new(), tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn the_load_has_salts_keys_in_salts_order() {
    let (master, dir) = new();
    let grains = Map::new().with("uuid", Value::None);
    let channel = master.channel(dir.path(), |c| c.autosign_grains = Some(grains));
    channel.authenticate().await.unwrap();
    channel.authenticate().await.unwrap();
    let auths = master.state().auths.clone();
    let keys = |load: &Map| load.keys().map(|k| text(k).unwrap().to_owned()).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&auths[0]), "cmd id nonce enc_algo sig_algo autosign_grains pub");
    assert_eq!(keys(&auths[1]), "cmd id nonce enc_algo sig_algo autosign_grains token pub");
    assert_ne!(auths[0].get("nonce"), auths[1].get("nonce"));
    assert_eq!(text(auths[0].get("pub").unwrap()), Some(MINION.public_text()));
    assert_eq!(text(auths[0].get("enc_algo").unwrap()), Some("OAEP-SHA1"));
}

#[tokio::test]
async fn the_first_master_is_pinned_and_the_same_keys_are_no_news() {
    let (master, dir) = new();
    let channel = master.channel(dir.path(), |_| {});
    assert!(!channel.authenticated());
    assert_eq!(channel.master_fingerprint(), None);
    assert_eq!(channel.authenticate().await, accepted(true));
    assert_eq!(fs::read_to_string(pin(dir.path())).unwrap(), MASTER.public_text());
    assert_eq!(channel.authenticate().await, accepted(false));
    master.state().session = crypt::Crypticle::generate();
    assert_eq!(channel.authenticate().await, accepted(true));
    // A pin in another dress is the same pin.
    let text = MASTER.public_text().replace('\n', "\r\n") + "\r\n\r\n";
    fs::write(pin(dir.path()), &text).unwrap();
    assert_eq!(channel.authenticate().await, accepted(false));
    assert_eq!(fs::read_to_string(pin(dir.path())).unwrap(), text);
    assert_eq!(channel.master_fingerprint().unwrap().len(), 95);
}

#[tokio::test]
async fn what_a_master_decides_is_told() {
    for (decision, outcome) in [
        (Decision::Pending, AuthOutcome::Pending),
        (Decision::Reject, AuthOutcome::Rejected),
        (Decision::Full, AuthOutcome::Full),
        (Decision::ClusterRetry, AuthOutcome::ClusterNotReady),
        (Decision::BadEncryption, AuthOutcome::BadEncryptionAlgorithm),
        (Decision::BadSigning, AuthOutcome::BadSigningAlgorithm),
    ] {
        let (master, dir) = new();
        let channel = master.channel(dir.path(), |_| {});
        master.state().decision = decision;
        assert_eq!(channel.authenticate().await.unwrap(), outcome);
        assert!(!channel.authenticated() && !pin(dir.path()).exists());
        // The same once there is a pin to check the signature with.
        master.state().decision = Decision::Accept;
        channel.authenticate().await.unwrap();
        master.state().decision = decision;
        assert_eq!(channel.authenticate().await.unwrap(), outcome);
        assert!(!outcome.to_string().is_empty());
    }
    let (master, dir) = new();
    master.state().decision = Decision::BadLoad;
    let told = master.channel(dir.path(), |_| {}).authenticate().await.unwrap_err();
    assert_eq!(told, Error::Refused("bad load".into()));
}

#[tokio::test]
async fn a_lying_master_is_not_believed_and_not_pinned() {
    for lie in [Lie::Signature, Lie::Nonce, Lie::Key, Lie::Noise] {
        let (master, dir) = new();
        master.state().lie = lie;
        let told = master.channel(dir.path(), |_| {}).authenticate().await.unwrap_err();
        let expected = match lie {
            Lie::Nonce => matches!(told, Error::Replay(_)),
            Lie::Noise => matches!(told, Error::Decode(_)),
            _ => matches!(told, Error::Signature(_)),
        };
        assert!(expected, "{told:?}");
        assert!(!pin(dir.path()).exists());
    }
    let (master, dir) = new();
    let channel = master.channel(dir.path(), |_| {});
    channel.authenticate().await.unwrap();
    for lie in [Lie::Token, Lie::NoToken] {
        master.state().lie = lie;
        let told = channel.authenticate().await.unwrap_err();
        assert!(matches!(told, Error::Signature(_) | Error::Decode(_)), "{told:?}");
    }
    // With a pin not even "wait" is believed without its signature.
    master.state().decision = Decision::Pending;
    for (lie, signature) in [(Lie::Signature, true), (Lie::Nonce, false)] {
        master.state().lie = lie;
        let told = channel.authenticate().await.unwrap_err();
        assert_eq!(matches!(told, Error::Signature(_)), signature, "{told:?}");
    }
    assert!(channel.authenticated(), "the keys of before still hold");
}

#[tokio::test]
async fn another_master_is_refused_whatever_it_says() {
    let (master, dir) = new();
    let channel = master.channel(dir.path(), |_| {});
    channel.authenticate().await.unwrap();
    master.state().keys = &OTHER;
    assert_eq!(channel.authenticate().await.unwrap(), AuthOutcome::MasterKeyChanged);
    master.state().decision = Decision::Reject;
    assert!(matches!(channel.authenticate().await, Err(Error::Signature(_))));
    assert_eq!(clean(&fs::read_to_string(pin(dir.path())).unwrap()), MASTER.public_text());
}

#[tokio::test]
async fn a_spoilt_pin_lets_nobody_in() {
    for content in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", MINION_PEM_HEAD] {
        let (master, dir) = new();
        fs::write(pin(dir.path()), content).unwrap();
        let told = master.channel(dir.path(), |_| {}).authenticate().await.unwrap_err();
        assert!(matches!(&told, Error::Keys(crypt::Error::KeyFile { path, .. }) if *path == pin(dir.path())));
        assert!(told.to_string().contains("minion_master.pub: "), "{told}");
        assert_eq!(fs::read_to_string(pin(dir.path())).unwrap(), content);
        assert!(master.state().auths.is_empty(), "nothing is sent");
    }
}

const MINION_PEM_HEAD: &str = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";

#[tokio::test]
async fn the_finger_is_checked_before_the_pin_is_written() {
    let (master, dir) = new();
    let finger = |keys: &crypt::MinionKeys| crypt::fingerprint(keys.public_text(), crypt::HashType::Sha256);
    let channel = master.channel(dir.path(), |c| c.master_finger = Some(finger(&OTHER)));
    let told = channel.authenticate().await.unwrap();
    let expected = AuthOutcome::FingerMismatch { expected: finger(&OTHER), seen: finger(&MASTER) };
    assert_eq!(told, expected);
    assert!(!pin(dir.path()).exists());
    let channel = master.channel(dir.path(), |c| c.master_finger = Some(finger(&MASTER)));
    assert_eq!(channel.authenticate().await, accepted(true));
}

#[tokio::test]
async fn signed_master_keys_follow_the_signer() {
    // The minion's own pair plays the key that signs masters: what counts is that it is another.
    let signer: &crypt::MinionKeys = &MINION;
    let (master, dir) = new();
    let verify = |always: bool| {
        master.channel(dir.path(), |c| {
            c.verify_master_pubkey_sign = true;
            c.always_verify_signature = always;
        })
    };
    let unverified = |outcome: Result<AuthOutcome, Error>| match outcome.unwrap() {
        AuthOutcome::MasterUnverified(why) => why,
        other => panic!("{other:?}"),
    };
    // One side alone fails, in both combinations.
    assert!(unverified(verify(false).authenticate().await).contains("does not sign"));
    master.state().pub_sig = Some(pub_sig(signer, &MASTER));
    let plain = master.channel(dir.path(), |_| {});
    assert!(unverified(plain.authenticate().await).contains("is not set on this minion"));
    // The signer's key is missing, then there.
    assert!(unverified(verify(false).authenticate().await).contains("missing"));
    fs::write(dir.path().join("master_sign.pub"), signer.public_text()).unwrap();
    assert_eq!(verify(false).authenticate().await, accepted(true));
    // A new master key with its signature is taken over, without one it is not.
    master.state().keys = &OTHER;
    assert!(unverified(verify(false).authenticate().await).contains("does not hold"));
    assert_eq!(clean(&fs::read_to_string(pin(dir.path())).unwrap()), MASTER.public_text());
    master.state().pub_sig = Some(pub_sig(signer, &OTHER));
    assert_eq!(verify(false).authenticate().await, accepted(true));
    assert_eq!(clean(&fs::read_to_string(pin(dir.path())).unwrap()), OTHER.public_text());
    // A pinned key needs no second look, unless always.
    master.state().pub_sig = Some(pub_sig(&OTHER, &OTHER));
    assert_eq!(verify(false).authenticate().await, accepted(true));
    assert!(unverified(verify(true).authenticate().await).contains("does not hold"));
    // Without verification `always_verify_signature` asks for what cannot be had.
    master.state().pub_sig = None;
    let always = master.channel(dir.path(), |c| c.always_verify_signature = true);
    assert!(unverified(always.authenticate().await).contains("always_verify_signature"));
}

#[tokio::test]
async fn a_deaf_master_is_asked_again_with_a_new_nonce() {
    let (master, dir) = new();
    let channel = master.channel(dir.path(), |_| {});
    master.state().deaf = 1;
    assert_eq!(channel.authenticate().await, accepted(true));
    master.state().deaf = 2;
    assert_eq!(channel.authenticate().await, Err(Error::Timeout));
}

#[tokio::test]
async fn who_waits_for_an_auth_shares_its_end() {
    let (master, dir) = new();
    master.state().slow = Duration::from_millis(50);
    let channel = master.channel(dir.path(), |_| {});
    let many: Vec<_> = (0..10)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.request(Map::new().with("cmd", "x")).await })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.unwrap(), Ok(Value::Bool(true)));
    }
    assert_eq!(master.state().auths.len(), 1);
    channel.forget();
    assert!(!channel.authenticated());
    master.state().decision = Decision::Reject;
    let (one, two) = tokio::join!(channel.request(Map::new()), channel.request(Map::new()));
    assert_eq!(one, Err(Error::Unauthenticated(AuthOutcome::Rejected)));
    assert_eq!(two, one);
    assert_eq!(master.state().auths.len(), 2);
}

#[tokio::test]
async fn a_new_key_pair_is_shown_at_the_next_authentication() {
    let (master, dir) = new();
    let channel = master.channel(dir.path(), |_| {});
    channel.authenticate().await.unwrap();
    let shown = |n: usize| text(master.state().auths[n].get("pub").unwrap()).unwrap().to_owned();
    let new = crypt::MinionKeys::replace(dir.path(), 2048).await.unwrap();
    assert_eq!(channel.public_key(), MINION.public_text(), "until then the master knows the old one");
    channel.request(Map::new().with("cmd", "x")).await.unwrap();
    channel.authenticate().await.unwrap();
    assert_eq!((shown(0), shown(1)), (MINION.public_text().to_owned(), new.public_text().to_owned()));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(dir.path().join("minion.pem")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o400);
    assert!(pin(dir.path()).exists(), "the master's key is another matter");
    // Removed by hand, it is made anew.
    fs::remove_file(dir.path().join("minion.pem")).unwrap();
    fs::remove_file(dir.path().join("minion.pub")).unwrap();
    channel.authenticate().await.unwrap();
    assert_ne!(shown(2), shown(1));
}
