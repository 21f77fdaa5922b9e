//! A certificate that is another one than yesterday.

use lab::{Result, Vcsim};
use vcenter::transport::Trust;
use vcenter::{Config, Error};

use super::scene::{Scene, config, said, soon};
use crate::stage;

fn print(vcsim: &Vcsim) -> String {
    vcsim.ready()["sha256"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_certificate_is_an_error_that_names_it() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    for pinned in [false, true] {
        let vcsim = Vcsim::start(&tools)?;
        let old = print(&vcsim);
        let trust = match pinned {
            true => Trust::Thumbprint(old.clone()),
            false => Trust::Verify { ca_bundle: Some(vcsim.ca_file()) },
        };
        // A copy, since the simulator writes its new authority over the old one's file.
        let kept = tempfile::NamedTempFile::new()?;
        std::fs::copy(vcsim.ca_file(), kept.path())?;
        let trust = match trust {
            Trust::Verify { .. } => Trust::Verify { ca_bundle: Some(kept.path().to_owned()) },
            other => other,
        };
        let before = Config { trust, ..config(&vcsim) };
        let mut scene = Scene::of(vcsim, before).await?;
        scene.vcsim.renew_certificate()?;
        let new = print(&scene.vcsim);
        assert_ne!(old, new);
        let error = scene.read().await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(&new), "what was seen: {text}");
        assert!(!pinned || text.contains(&old), "what was expected: {text}");
        assert!(soon(|| !scene.client.inventory().status().live).await);
        assert_eq!(scene.machines().len(), 10, "what is known stays known");
        let stats = scene.stats();
        assert_eq!(
            (stats.count("sessions"), stats.count("calls")),
            (0, 0),
            "no password is shown to it: {:#}",
            stats.0
        );
        let scene = match pinned {
            // Told to trust the new one, a client works.
            true => {
                scene.client.close().await;
                let after = Config { trust: Trust::Thumbprint(new), ..config(&scene.vcsim) };
                Scene::of(scene.vcsim, after).await?
            }
            // The authority's file is replaced, and that is all: it is read again.
            false => {
                std::fs::copy(scene.vcsim.ca_file(), kept.path())?;
                let trusted = || scene.client.inventory().status().live;
                assert!(soon(trusted).await);
                scene
            }
        };
        scene.read().await.map_err(said)?;
        scene.is_well("a changed certificate").await;
        scene.finish().await;
    }
    Ok(())
}
