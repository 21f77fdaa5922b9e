//! From files, defaults and the command line to the options of a minion (`salt/config/__init__.py`, `proxy_config`).

use std::path::{Path, PathBuf};

use salt::{Map, Value};

use crate::files::{Layer, Reader};
use crate::{Error, id, kind, options, paths};

/// Which configuration is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The file `proxy` and `proxy.d`.
    Proxy,
    /// The file `minion` and `minion.d`, for `vsalt call` without a proxy id.
    Minion,
}

/// What is to be loaded.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which one.
    pub role: Role,
    /// The directory of the command line; none for `SALT_CONFIG_DIR` or `/etc/salt`.
    pub dir: Option<PathBuf>,
    /// The id of the command line.
    pub id: Option<String>,
    /// Options of the command line: they win over all files.
    pub overrides: Map,
    /// The environment: `SALT_CONFIG_DIR`, `SALT_PROXY_CONFIG` and `SALT_MINION_CONFIG` count.
    pub env: fn(&str) -> Option<String>,
}

/// The options of a minion, complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// All options, as `config.items` shows them; those that nobody knows too.
    pub opts: Map,
    /// What is odd but does not keep the minion from starting.
    pub warnings: Vec<Error>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// The directory of the configuration where nobody says another.
const DIR: &str = "/etc/salt";

impl Role {
    fn file(self) -> &'static str {
        match self {
            Role::Proxy => "proxy",
            Role::Minion => "minion",
        }
    }

    fn env(self) -> &'static str {
        match self {
            Role::Proxy => "SALT_PROXY_CONFIG",
            Role::Minion => "SALT_MINION_CONFIG",
        }
    }

    fn defaults(self) -> Map {
        match self {
            Role::Proxy => options::defaults(),
            Role::Minion => options::minion_defaults(),
        }
    }
}

/// The environment of this process.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

impl Request {
    /// The directory of the configuration.
    pub fn config_dir(&self) -> PathBuf {
        let dir = self.dir.clone().or_else(|| (self.env)("SALT_CONFIG_DIR").map(PathBuf::from));
        dir.unwrap_or_else(|| DIR.into())
    }

    /// The file: the variable counts only where no other directory is given.
    fn main_file(&self) -> PathBuf {
        let usual = self.config_dir().join(self.role.file());
        match (self.env)(self.role.env()).map(PathBuf::from) {
            Some(other) if usual == Path::new(DIR).join(self.role.file()) && other.is_file() => other,
            _ => usual,
        }
    }
}

/// Loads the options.
///
/// # Errors
/// A file that can't be read, is no YAML or no map; a proxy without an id; an id that is none.
pub fn load(request: &Request) -> Result<Config, Error> {
    let dir = request.config_dir();
    let file = request.main_file();
    let defaults = request.role.defaults();
    let mut reader = Reader::default();
    let mut said = reader.file(&file)?.unwrap_or_default();
    let include = |reader: &mut Reader, said: &mut Layer, pattern: Value| -> Result<(), Error> {
        let more = said.opts.get("include").cloned().unwrap_or_default();
        let default = reader.include(&pattern, &dir, false)?;
        said.replace(default);
        let listed = reader.include(&more, &dir, true)?;
        said.replace(listed);
        Ok(())
    };
    let own = said.opts.get("default_include").or_else(|| defaults.get("default_include")).cloned();
    include(&mut reader, &mut said, own.unwrap_or_default())?;
    let first = apply(request, &dir, &defaults, &said)?;
    // The id decides which further directory there is.
    if request.role == Role::Proxy {
        let pattern = first.opts.get("default_include").cloned().unwrap_or_default();
        include(&mut reader, &mut said, pattern)?;
    }
    let mut config = apply(request, &dir, &defaults, &said)?;
    config.opts.insert("conf_file", file.display().to_string());
    reader.warnings.dedup();
    reader.warnings.append(&mut config.warnings);
    let mut files = Vec::new();
    for file in reader.files {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(Config { opts: config.opts, warnings: reader.warnings, files })
}

/// Defaults, files and command line as one, with all that follows from them.
fn apply(request: &Request, dir: &Path, defaults: &Map, said: &Layer) -> Result<Config, Error> {
    let mut warnings = Vec::new();
    let mut opts = defaults.clone();
    for (key, value) in &said.opts {
        let Some(name) = key.as_str() else { continue };
        let place = said.places.get(name).cloned().unwrap_or_else(|| "the configuration".into());
        match checked(name, value, &place) {
            Ok(value) => {
                opts.insert(name, value);
            }
            Err(e) => warnings.push(e),
        }
    }
    log_dir(&mut opts, said, defaults);
    // The old name of saltenv.
    if let Some(old) = said.opts.get("environment").filter(|_| opts.get("saltenv").is_none_or(Value::is_none))
    {
        opts.insert("saltenv", old);
    }
    opts.extend(request.overrides.clone());
    opts.insert("__role", "minion");
    let given = |option| opts.get(option).filter(|id: &&Value| id.truthy()).map(Value::to_string);
    let id = match given("id").or_else(|| request.id.clone()).or_else(|| given("proxyid")) {
        Some(id) => id,
        None if request.role == Role::Minion => id::guess(dir, &opts),
        None => return Err(Error::NoId),
    };
    let domain = opts.get_str("append_domain").filter(|_| id.parse::<std::net::Ipv4Addr>().is_err());
    let id = id::with_domain(&id, domain);
    id::check(&id)?;
    paths::append_id(&mut opts, &id);
    paths::settle(&mut opts);
    if request.role == Role::Proxy {
        opts.insert("proxyid", id.as_str());
    }
    opts.insert("id", id);
    opts.insert("config_dir", dir.display().to_string());
    if !opts.contains_key("beacons") {
        opts.insert("beacons", Map::new());
    }
    if !opts.contains_key("ipc_write_buffer") {
        opts.insert("ipc_write_buffer", 0);
    }
    if let Some(Value::Str(hash)) = opts.get_mut("hash_type") {
        *hash = hash.to_lowercase();
    }
    let open = opts.get("open_mode").and_then(Value::as_bool) == Some(true);
    opts.insert("open_mode", open);
    if let Some(Value::List(names)) = opts.get("return") {
        let names: Vec<String> = names.iter().map(Value::to_string).collect();
        opts.insert("return", names.join(","));
    }
    one_of(&said.places, &opts, "encryption_algorithm", &["OAEP-SHA1", "OAEP-SHA224"])?;
    one_of(&said.places, &opts, "signing_algorithm", &["PKCS1v15-SHA1", "PKCS1v15-SHA224"])?;
    Ok(Config { opts, warnings, files: Vec::new() })
}

/// The value of an option in its type. What is wrong is said and left at its default: an installation that ran with a
/// warning under Salt has to run here too.
fn checked(name: &str, value: &Value, place: &str) -> Result<Value, Error> {
    let Some(option) = options::find(name) else { return Ok(value.clone()) };
    kind::fit(option.kinds, value).ok_or_else(|| Error::Type {
        place: place.into(),
        option: name.into(),
        expected: kind::sentence(option.kinds),
        got: if crate::mask::is_secret(name) { "a secret".into() } else { value.repr() },
    })
}

/// `log_dir` moves the log without naming its file.
fn log_dir(opts: &mut Map, said: &Layer, defaults: &Map) {
    let Some(dir) = said.opts.get_str("log_dir") else { return };
    let file = said.opts.get_str("log_file").or_else(|| {
        let default = defaults.get_str("log_file")?;
        default.rsplit('/').next()
    });
    if let Some(file) = file {
        let path = Path::new(dir).join(file).display().to_string();
        opts.insert("log_file", path);
    }
}

fn one_of(
    places: &std::collections::HashMap<String, String>,
    opts: &Map,
    option: &str,
    allowed: &[&str],
) -> Result<(), Error> {
    match opts.get_str(option) {
        Some(value) if !allowed.contains(&value) => Err(Error::Value {
            place: places.get(option).cloned().unwrap_or_else(|| "the command line".into()),
            option: option.into(),
            problem: format!("must be {}, got '{value}'", allowed.join(" or ")),
        }),
        _ => Ok(()),
    }
}
