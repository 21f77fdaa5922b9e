//! PEM texts as leniently as OpenSSL reads them: any line length, CRLF, empty lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Error;

/// The text of a public key in the form in which both sides compare it: white space around lines and empty lines
/// dropped, LF between them and none at the end (`salt.crypt.clean_key`).
pub fn clean(pem: &str) -> String {
    pem.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The label and the DER bytes of the only block of a PEM text.
pub(super) fn decode(pem: &str) -> Result<(String, Vec<u8>), Error> {
    let text = clean(pem);
    let mut lines = text.lines();
    let label = lines
        .next()
        .and_then(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or(Error::Key("no BEGIN line"))?;
    let mut body = String::new();
    for line in lines {
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix("-----") != Some(label) {
                return Err(Error::Key("BEGIN and END do not match"));
            }
            let der = STANDARD.decode(body).map_err(|_| Error::Key("not base64"))?;
            return Ok((label.to_owned(), der));
        }
        if line.starts_with("Proc-Type:") {
            return Err(Error::Key("it is encrypted with a passphrase"));
        }
        body.push_str(line);
    }
    Err(Error::Key("no END line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned() {
        assert_eq!(
            clean("\r\n-----BEGIN X-----\r\nAAAA \r\n\r\n-----END X-----\n\n"),
            "-----BEGIN X-----\nAAAA\n-----END X-----"
        );
    }

    #[test]
    fn blocks_are_decoded_or_refused() {
        let ok = decode("-----BEGIN X-----\nAQ\nID\n-----END X-----").unwrap();
        assert_eq!(ok, ("X".to_owned(), vec![1, 2, 3]));
        for (text, why) in [
            ("", "no BEGIN line"),
            ("hello", "no BEGIN line"),
            ("-----BEGIN X-----\nAQID", "no END line"),
            ("-----BEGIN X-----\nAQID\n-----END Y-----", "BEGIN and END do not match"),
            ("-----BEGIN X-----\n!\n-----END X-----", "not base64"),
            (
                "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n-----END X-----",
                "it is encrypted with a passphrase",
            ),
        ] {
            assert_eq!(decode(text), Err(Error::Key(why)), "{text}");
        }
    }
}
