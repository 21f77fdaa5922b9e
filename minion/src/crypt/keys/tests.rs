//! The keys against what Salt 3007.17 made (`../testdata/record.py`), and the files of the pki directory.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::crypt::vectors::Vectors;
use crate::crypt::{Crypticle, HashType, fingerprint};

const ENCRYPTION: [EncryptionAlgorithm; 2] = [EncryptionAlgorithm::OaepSha1, EncryptionAlgorithm::OaepSha224];
const SIGNING: [SigningAlgorithm; 2] = [SigningAlgorithm::Pkcs1v15Sha1, SigningAlgorithm::Pkcs1v15Sha224];

#[test]
fn salts_keys_signatures_and_ciphers_are_ours() {
    let vectors = Vectors::load();
    for size in ["2048", "4096"] {
        let at = |name: &str| format!("{size}.{name}");
        let keys = MinionKeys::from_pem(vectors.text(&at("pem"))).unwrap();
        let public = PublicKey::from_pem(vectors.text(&at("pub"))).unwrap();
        assert_eq!(keys.public(), public);
        assert_eq!(keys.public_text(), vectors.text(&at("clean")));
        assert_eq!(keys.private_text().unwrap().expose().trim(), vectors.text(&at("pem")).trim());
        let pkcs8 = MinionKeys::from_pem(&vectors.text(&at("pkcs8")).replace('\n', "\r\n")).unwrap();
        assert_eq!(pkcs8.public_text(), keys.public_text());
        assert_eq!(PublicKey::from_pem(vectors.text(&at("pkcs1pub"))).unwrap(), public);

        for kind in ["sha1", "sha256", "sha512"] {
            let hash: HashType = kind.parse().unwrap();
            let expected = vectors.text(&at(&format!("finger.{kind}")));
            assert_eq!(fingerprint(vectors.text(&at("pub")), hash), expected);
            assert_eq!(fingerprint(keys.public_text(), hash), expected);
            assert_eq!(fingerprint(&keys.public_text().replace('\n', "\r\n"), hash), expected);
        }

        assert_eq!(keys.sign_x931(b"salt").unwrap(), vectors.bytes(&at("tok")));
        for n in 0..6 {
            let (message, signature) = (format!("salt{n}"), vectors.bytes(&at(&format!("x931.{n}"))));
            assert_eq!(keys.sign_x931(message.as_bytes()).unwrap(), signature);
            assert!(public.verify_x931(message.as_bytes(), signature));
            assert!(!public.verify_x931(b"pepper", signature));
            let spoilt = [&signature[..signature.len() - 1], &[signature[signature.len() - 1] ^ 1]].concat();
            assert!(!public.verify_x931(message.as_bytes(), &spoilt));
            assert!(!public.verify_x931(message.as_bytes(), &signature[1..]));
        }
        for algorithm in SIGNING {
            let signature = vectors.bytes(&at(algorithm.name()));
            assert_eq!(keys.sign(algorithm, b"a message").unwrap(), signature);
            assert!(public.verify(algorithm, b"a message", signature));
            assert!(!public.verify(algorithm, b"a massage", signature));
            assert!(!public.verify(algorithm, b"a message", &[]));
            assert!(!public.verify(algorithm, b"a message", &[signature, &[0]].concat()));
        }
        for algorithm in ENCRYPTION {
            assert_eq!(
                keys.decrypt(algorithm, vectors.bytes(&at(algorithm.name()))).unwrap().expose(),
                b"a secret"
            );
            let ours = public.encrypt(algorithm, b"another").unwrap();
            assert_eq!(keys.decrypt(algorithm, &ours).unwrap().expose(), b"another");
            for wrong in [&ours[1..], &[], &[0xff; 256], &[0; 512]] {
                assert_eq!(keys.decrypt(algorithm, wrong), Err(Error::Rsa));
            }
        }
        assert!(!public.verify(SIGNING[0], b"a message", vectors.bytes(&at(SIGNING[1].name()))));
    }
}

#[test]
fn salts_envelopes_open() {
    let vectors = Vectors::load();
    let key = Crypticle::from_text(vectors.bytes("crypticle.key")).unwrap();
    let publish = key.open(None, vectors.bytes("crypticle.publish")).unwrap();
    assert_eq!(publish, b"\x83\xa3fun\xa9test.ping\xa3arg\x91\xa1\xff\xa6serial\x03");
    let nonce = "0123456789abcdef0123456789abcdef";
    assert_eq!(key.open(Some(nonce), vectors.bytes("crypticle.reply")).unwrap(), b"\x81\xa6return\xc3");
}

#[test]
fn what_is_no_key_is_named() {
    let vectors = Vectors::load();
    let (private, public) = (vectors.text("2048.pem"), vectors.text("2048.pub"));
    assert_eq!(MinionKeys::from_pem(public).unwrap_err(), Error::Key("it is no private key"));
    assert_eq!(PublicKey::from_pem(private).unwrap_err(), Error::Key("it is no public key"));
    let cut = private.replace("MII", "MIJ");
    assert_eq!(MinionKeys::from_pem(&cut).unwrap_err(), Error::Key("it does not decode"));
    assert_eq!(MinionKeys::generate(1024).unwrap_err(), Error::Keysize(1024));
    assert_eq!(MinionKeys::generate(16384).unwrap_err(), Error::Keysize(16384));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_pair_is_made_once_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let pki = dir.path().join("etc/pki/proxy");
    // Two proxies that start at once end up with the same pair.
    let (one, two) =
        tokio::join!(MinionKeys::load_or_generate(&pki, 2048), MinionKeys::load_or_generate(&pki, 2048));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.public_text(), two.public_text());
    assert_eq!(mode(&pki), 0o700);
    assert_eq!(mode(&pki.join("minion.pem")), 0o400);
    let pem = fs::read_to_string(pki.join("minion.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    let public = fs::read_to_string(pki.join("minion.pub")).unwrap();
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(clean(&public), one.public_text());
    assert_eq!(fs::read_dir(&pki).unwrap().count(), 2, "no temporary file is left");

    fs::remove_file(pki.join("minion.pub")).unwrap();
    let again = MinionKeys::load_or_generate(&pki, 4096).await.unwrap();
    assert_eq!(again.public_text(), one.public_text());
    assert!(pki.join("minion.pub").exists());
    assert!(!format!("{again:?}").contains(&pem[100..150]));
}

#[tokio::test]
async fn a_spoilt_key_file_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("minion.pem");
    fs::write(&file, "").unwrap();
    let told = MinionKeys::load_or_generate(dir.path(), 2048).await.unwrap_err();
    assert_eq!(told, Error::KeyFile { path: file.clone(), why: "no BEGIN line" });
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}
