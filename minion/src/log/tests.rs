use salt::map;

use super::*;

fn config(file: &std::path::Path) -> LogConfig {
    let opts = map! { "id" => "vc01", "log_level" => "info", "log_file" => file.display().to_string() };
    LogConfig { console: Threshold::Quiet, ..LogConfig::of(&opts, true) }
}

/// What is in the file after some records.
fn written(config: &LogConfig, path: &std::path::Path, records: impl Fn()) -> String {
    let log = Log::new(config).expect("the log opens");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log), records);
    std::fs::read_to_string(path).unwrap_or_default()
}

fn two() {
    tracing::info!(jid = "1", "Starting a job");
    tracing::debug!("not this");
    tracing::error!(target: "critical", "bad key");
}

#[test]
fn thresholds_are_salts() {
    assert_eq!(Threshold::named("Warning"), Some(Threshold::Warning));
    assert_eq!(Threshold::named("loud"), None);
    assert!(Threshold::Warning.lets(Level::ERROR));
    assert!(!Threshold::Warning.lets(Level::INFO));
    assert!(Threshold::Critical.lets(Level::ERROR));
    assert!(!Threshold::Quiet.lets(Level::ERROR));
    for all in ["all", "garbage", "trace"] {
        assert!(Threshold::named(all).unwrap().lets(Level::TRACE), "{all}");
    }
}

#[test]
fn a_file_gets_salts_lines_and_only_from_its_threshold_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sub/proxy");
    let text = written(&config(&path), &path, two);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("][INFO    ]["), "{text}");
    assert!(lines[0].ends_with("] Starting a job jid=\"1\""), "{text}");
    assert!(lines[0].contains("[minion.log.tests :"), "{text}");
    assert!(lines[1].contains("[CRITICAL]"), "{text}");
}

#[test]
fn a_format_has_the_fields_of_pythons_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut config = config(&path);
    let format = "%(asctime)s|%(msecs)03d|%(levelno)5d|%(levelname)-9s|%(bracketlevel)s|%(minion_id)s|%(module)s|%(jid)s|100%%|%(message).3s";
    config.file_format = (format.into(), "%d".into());
    let text = written(&config, &path, || tracing::info!(jid = "77", "hello"));
    let fields: Vec<&str> = text.trim_end().split('|').collect();
    assert_eq!(fields[0].len(), 2, "{text}");
    assert_eq!(fields[1].len(), 3, "{text}");
    assert_eq!(fields[2..7], ["   20", "INFO     ", "[INFO    ]", "vc01", "tests"], "{text}");
    assert_eq!(fields[7..], ["[JID: 77]", "100%", "hel"], "{text}");
}

#[test]
fn json_is_a_format_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut config = config(&path);
    config.file_format.0 = "json".into();
    let text = written(&config, &path, two);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0]["level"].as_str(), lines[0]["jid"].as_str()), (Some("INFO"), Some("1")));
    assert_eq!(lines[1]["message"], "bad key");
    assert_eq!(lines[1]["minion_id"], "vc01");
}

#[test]
fn what_is_no_format_is_named() {
    let wrong = |text: &str, date: &str| Format::parse(text, date).unwrap_err();
    assert!(wrong("%(nosuch)s", "").contains("nosuch"));
    assert!(wrong("%s", "").contains("no field"));
    assert!(wrong("%(message)s", "%!").contains("%!"));
    assert!(wrong("%(message)999s", "").contains("no field"));
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&dir.path().join("log"));
    config.file_format.0 = "%(nosuch)s".into();
    assert!(Log::new(&config).err().is_some_and(|why| why.contains("log_fmt_logfile")));
}

#[test]
fn single_targets_have_levels_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let with = |levels: &[(&str, Threshold)]| {
        let mut config = config(&path);
        config.granular = levels.iter().map(|(name, level)| (name.to_string(), *level)).collect();
        let _ = std::fs::remove_file(&path);
        let text = written(&config, &path, || {
            tracing::debug!(target: "modules::test", "one");
            tracing::info!(target: "minion::job", "two");
            tracing::info!(target: "minion::jobs", "three");
            tracing::debug!(target: "hyper", "four");
        });
        text.lines()
            .filter_map(|line| line.rsplit(' ').next().map(str::to_string))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(with(&[]), "two three");
    assert_eq!(with(&[("salt.loaded.int.module.test", Threshold::Debug)]), "one two three");
    assert_eq!(with(&[("salt", Threshold::Error), ("minion.job", Threshold::Info)]), "two");
    assert_eq!(with(&[("minion::job", Threshold::Quiet)]), "three");
}

#[test]
fn a_log_goes_on_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut config = config(&path);
    let log = Log::new(&config).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), || {
        tracing::info!("first");
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        config.file = Some((path.display().to_string(), Threshold::Debug));
        log.change(&config).unwrap();
        tracing::debug!("second");
        config.file_format.0 = "%(nosuch)s".into();
        assert!(log.change(&config).is_err());
        tracing::debug!("third");
    });
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(read("log.1").contains("first") && !read("log.1").contains("second"));
    assert!(read("log").contains("second") && read("log").contains("third"));
}

#[test]
fn colours_are_asked_for_by_the_format() {
    let format = Format::parse("%(colorlevel)s %(colormsg)s", "").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut config = config(&path);
    config.file_format.0 = "%(colorlevel)s %(colormsg)s".into();
    assert_eq!(
        written(&config, &path, || tracing::warn!("careful")),
        "[WARNING ] careful\n",
        "a file has none"
    );
    assert!(matches!(format, Format::Text(parts, _) if parts.len() == 3));
}
