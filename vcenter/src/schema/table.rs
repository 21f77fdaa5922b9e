//! Reading the table; its format is described in `vcenter/schema/extract.py`.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use super::types::{Head, Target};
use super::{DataType, EnumType, ManagedType, Method, Primitive, Property, Schema, Type, Version};

static TABLE: &[u8] = include_bytes!("../../schema/vmodl.zst");

/// The schema out of the table that the program carries.
///
/// The table is a part of the program, as its code is: were it damaged, no test would pass.
pub fn load() -> Schema {
    let mut text = String::new();
    ruzstd::decoding::StreamingDecoder::new(TABLE)
        .expect("the table in the program is zstd")
        .read_to_string(&mut text)
        .expect("the table in the program is zstd of UTF-8");
    // Names are handed out as `&'static str` for as long as the program runs.
    parse(String::leak(text))
}

fn parse(text: &'static str) -> Schema {
    let mut versions = Vec::new();
    let mut heads: Vec<(&str, Vec<&'static str>)> = Vec::new();
    let mut methods: HashMap<usize, Vec<Vec<&'static str>>> = HashMap::new();
    for line in text.lines() {
        let fields: Vec<&'static str> = line.split('\t').collect();
        match fields[0] {
            "V" => versions.push(Version { namespace: fields[2], text: fields[3] }),
            "m" => methods.entry(heads.len() - 1).or_default().push(fields),
            kind => heads.push((kind, fields)),
        }
    }
    let ids: HashMap<&str, usize> =
        heads.iter().enumerate().map(|(id, (_, fields))| (fields[1], id)).collect();
    let wire = |vmodl: &'static str| -> &'static str { ids.get(vmodl).map_or(vmodl, |&id| heads[id].1[2]) };
    let member = |text: &'static str| -> Property {
        let mut parts = text.split(':');
        let mut next = || parts.next().unwrap_or_default();
        let (name, kind, since, flags) = (next(), next(), next(), next());
        let item = kind.strip_suffix("[]");
        Property {
            name,
            target: target(&ids, item.unwrap_or(kind)),
            array: item.is_some(),
            link: flags.contains('l'),
            optional: flags.contains('o'),
            secret: flags.contains('s'),
            since: number(since),
        }
    };

    let mut types = Vec::with_capacity(heads.len());
    for (id, (kind, fields)) in heads.iter().enumerate() {
        let head = |base: Option<usize>, since, own| Head {
            id,
            vmodl: fields[1],
            name: fields[2],
            base,
            since,
            own,
        };
        types.push(match *kind {
            "E" => Type::Enum(EnumType {
                head: head(None, number(fields[3]), Vec::new()),
                values: fields[4..].to_vec(),
            }),
            kind => {
                let first = if kind == "M" { 6 } else { 5 };
                let own = fields[first..].iter().map(|text| member(text)).collect();
                let head = head(ids.get(fields[3]).copied(), number(fields[4]), own);
                match kind {
                    "D" => Type::Data(DataType { head }),
                    _ => {
                        let lines = methods.remove(&id).unwrap_or_default();
                        let methods =
                            lines.iter().map(|fields| method(fields, &ids, &wire, &member)).collect();
                        Type::Managed(ManagedType { head, service: fields[5], methods })
                    }
                }
            }
        });
    }
    index(versions, types)
}

fn method(
    fields: &[&'static str],
    ids: &HashMap<&str, usize>,
    wire: &impl Fn(&'static str) -> &'static str,
    member: &impl Fn(&'static str) -> Property,
) -> Method {
    let since = number(fields[2]);
    let (result, flags) = fields[3].split_once(':').unwrap_or((fields[3], ""));
    let item = result.strip_suffix("[]");
    Method {
        name: fields[1],
        since,
        result: Property {
            name: "",
            target: target(ids, item.unwrap_or(result)),
            array: item.is_some(),
            link: false,
            optional: flags.contains('o'),
            secret: flags.contains('s'),
            since,
        },
        task_result: wire(fields[4].trim_end_matches("[]")),
        faults: fields[5].split(',').filter(|name| !name.is_empty()).map(wire).collect(),
        params: fields[6..].iter().map(|text| member(text)).collect(),
    }
}

fn index(versions: Vec<Version>, types: Vec<Type>) -> Schema {
    let mut by_name: HashMap<&'static str, Vec<usize>> = HashMap::with_capacity(types.len());
    let mut names = HashSet::with_capacity(4 * types.len());
    let mut array_items = HashSet::new();
    for (id, it) in types.iter().enumerate() {
        by_name.entry(it.head().name).or_default().push(id);
        names.insert(it.head().name);
        let mut members: Vec<&Property> = it.head().own.iter().collect();
        match it {
            Type::Enum(values) => names.extend(&values.values),
            Type::Data(_) => {}
            Type::Managed(managed) => {
                for method in &managed.methods {
                    members.extend(method.params.iter().chain([&method.result]));
                }
            }
        }
        for member in members {
            names.insert(member.name);
            if let (Target::Type(id), true) = (member.target, member.array) {
                array_items.insert(id);
            }
        }
    }
    Schema { versions, types, by_name, array_items, names }
}

/// What a type's name in the table stands for; what the table does not have can be anything.
fn target(ids: &HashMap<&str, usize>, name: &str) -> Target {
    match (ids.get(name), Primitive::from_vmodl(name)) {
        (Some(&id), _) => Target::Type(id),
        (None, Some(primitive)) => Target::Primitive(primitive),
        (None, None) => Target::Primitive(Primitive::Any),
    }
}

fn number(hex: &str) -> usize {
    usize::from_str_radix(hex, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        let schema = super::super::get();
        let any = |property: &Property| matches!(property.target, Target::Primitive(Primitive::Any));
        // `anyType` by name, and nothing that fell back to it.
        let found: Vec<_> = schema
            .data_types()
            .flat_map(|it| {
                it.head.own.iter().filter(|own| any(own)).map(|own| format!("{}.{}", it.name(), own.name))
            })
            .collect();
        assert_eq!(found.len(), 33, "{found:?}");
    }
}
