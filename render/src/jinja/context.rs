//! The variables of a template (`render` of `salt/renderers/jinja.py`, `generate_sls_context`).

use std::path::Path;
use std::sync::Arc;

use jinja::Value;
use salt::Map;

use super::functions::Functions;
use crate::bridge::Bridge;
use crate::convert::{map_object, object};
use crate::source::Source;

/// The variables of a template, in Salt's order.
pub(super) fn of(bridge: &Arc<Bridge>, source: &Source) -> Vec<(Arc<str>, Value)> {
    let cx = &bridge.cx;
    let functions = |only| Value::object(Functions { bridge: bridge.clone(), only });
    let shared = |name, map: Arc<Map>| source.shared.get(name, || map_object(&map));
    let mut variables: Vec<(Arc<str>, Value)> = Vec::new();
    let mut put = |name: &str, value: Value| match variables.iter_mut().find(|(known, _)| **known == *name) {
        Some((_, known)) => *known = value,
        None => variables.push((Arc::from(name), value)),
    };
    put("salt", functions(None));
    let grains = shared("grains", cx.grains());
    let pillar = shared("pillar", cx.pillar());
    let opts = source.shared.get("opts", || {
        let opts = map_object(&cx.opts());
        if let Value::Dict(opts) = &opts {
            opts.set_str("grains", grains.clone());
            opts.set_str("pillar", pillar.clone());
        }
        opts
    });
    put("grains", grains);
    put("opts", opts);
    put("pillar", pillar);
    put("saltenv", Value::from(source.saltenv.as_str()));
    if let Some(sls) = &source.sls {
        put("sls", Value::from(sls.as_str()));
    }
    put("proxy", functions(Some("vcenter")));
    for (name, value) in &source.context {
        put(&name.to_string(), object(value));
    }
    let sls = match variables.iter().find(|(name, _)| &**name == "sls") {
        Some((_, sls)) => jinja::to_str(sls).unwrap_or_default(),
        None => return variables,
    };
    for (name, text) in sls_variables(source.path.as_deref(), &sls) {
        if !variables.iter().any(|(known, _)| &**known == name) {
            variables.push((Arc::from(name), Value::from(text)));
        }
    }
    variables
}

/// Where the file of an SLS stands, in all spellings.
fn sls_variables(path: Option<&str>, sls: &str) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    let mut slspath = sls.replace('.', "/");
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        let (plain, init) = (format!("{slspath}.sls"), format!("{slspath}/init.sls"));
        let file = match path {
            path if sls.is_empty() => path.rsplit('/').next().unwrap_or(path),
            path if path.ends_with(&plain) => &path[path.len() - plain.len()..],
            path if path.ends_with(&init) => &path[path.len() - init.len()..],
            path => path,
        };
        slspath = file.rsplit_once('/').map_or("", |(dir, _)| dir).to_string();
        let dir = if slspath.is_empty() { "." } else { &slspath };
        variables.push(("tplpath", path.to_string()));
        variables.push(("tplfile", file.to_string()));
        variables.push(("tpldir", dir.to_string()));
        variables.push(("tpldot", slspath.replace('/', ".")));
    }
    variables.push(("slsdotpath", slspath.replace('/', ".")));
    variables.push(("slscolonpath", slspath.replace('/', ":")));
    variables.push(("sls_path", slspath.replace('/', "_")));
    variables.push(("slspath", slspath));
    variables
}

/// `tplfile`, `tpldir` and `tpldot` of an imported template.
pub(super) fn template_variables(file: &str, dir: &str) -> [(&'static str, String); 3] {
    let shown = if dir.is_empty() { "." } else { dir };
    [("tplfile", file.into()), ("tpldir", shown.into()), ("tpldot", dir.replace('/', "."))]
}

/// The directory of a path, empty for one without.
pub(super) fn directory(path: &str) -> String {
    Path::new(path).parent().and_then(Path::to_str).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_place_in_all_spellings() {
        let of =
            |path, sls| sls_variables(Some(path), sls).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        let expected = ["/c/files/base/ctx.sls", "ctx.sls", ".", "", "", "", "", ""];
        assert_eq!(of("/c/files/base/ctx.sls", "ctx"), expected);
        let path = "/c/files/base/sub/deep/init.sls";
        let expected = [
            path,
            "sub/deep/init.sls",
            "sub/deep",
            "sub.deep",
            "sub.deep",
            "sub:deep",
            "sub_deep",
            "sub/deep",
        ];
        assert_eq!(of(path, "sub.deep"), expected);
        let expected = [":string:", ":string:", ".", "", "", "", "", ""];
        assert_eq!(of(":string:", ""), expected);
    }
}
