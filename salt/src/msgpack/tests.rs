use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn big(text: &str) -> Value {
    Value::from_big(text.parse().unwrap())
}

/// Recorded from `salt.payload.dumps` of Salt 3007.17 (msgpack-python 1.2).
#[test]
fn packs_as_salt_does() {
    let table: &[(Value, &str)] = &[
        (Value::None, "c0"),
        (Value::Bool(true), "c3"),
        (Value::Int(0), "00"),
        (Value::Int(127), "7f"),
        (Value::Int(128), "cc80"),
        (Value::Int(256), "cd0100"),
        (Value::Int(65536), "ce00010000"),
        (Value::Int(4294967296), "cf0000000100000000"),
        (Value::Int(-1), "ff"),
        (Value::Int(-32), "e0"),
        (Value::Int(-33), "d0df"),
        (Value::Int(-129), "d1ff7f"),
        (Value::Int(-32769), "d2ffff7fff"),
        (Value::Int(-2147483649), "d3ffffffff7fffffff"),
        (Value::Int(i64::MIN), "d38000000000000000"),
        (big("18446744073709551615"), "cfffffffffffffffff"),
        (big("18446744073709551616"), "b43138343436373434303733373039353531363136"),
        (big("-9223372036854775809"), "b42d39323233333732303336383534373735383039"),
        (Value::Float(1.5), "cb3ff8000000000000"),
        (Value::Str("é".into()), "a2c3a9"),
        (Value::Bytes(vec![0xff, 0xfe]), "a2fffe"),
        (Value::List(vec![Value::Int(1), Value::Str("a".into())]), "9201a161"),
        (Value::Map(Map::new().with("b", Value::Int(1)).with(Value::Int(2), Value::None)), "82a1620102c0"),
        (
            Value::Ext(78, b"20261122T17:40:00.000001".to_vec()),
            "c7184e32303236313132325431373a34303a30302e303030303031",
        ),
    ];
    for (value, wire) in table {
        assert_eq!(hex(&pack(value).unwrap()), *wire, "{value:?}");
    }
}

#[test]
fn long_texts_never_use_the_modern_types() {
    let text = |n: usize| Value::Str("x".repeat(n));
    assert_eq!(pack(&text(31)).unwrap()[0], 0xbf);
    assert_eq!(pack(&text(32)).unwrap()[..3], [0xda, 0, 32]);
    assert_eq!(pack(&text(65536)).unwrap()[..5], [0xdb, 0, 1, 0, 0]);
    assert_eq!(pack_modern(&text(32)).unwrap()[..2], [0xd9, 32]);
    assert_eq!(pack_modern(&Value::Bytes(vec![0; 3])).unwrap(), [0xc4, 3, 0, 0, 0]);
    assert_eq!(pack_modern(&Value::Bytes(vec![0; 256])).unwrap()[..3], [0xc5, 1, 0]);
}

#[test]
fn strings_are_text_where_they_are_utf8() {
    assert_eq!(unpack(b"\xa2\xc3\xa9").unwrap(), Value::Str("é".into()));
    assert_eq!(unpack(b"\xc4\x01a").unwrap(), Value::Str("a".into()));
    assert_eq!(unpack(b"\xa1\xff").unwrap(), Value::Bytes(vec![0xff]));
    let map = unpack_bytes(b"\x81\xa1a\xa1b").unwrap();
    assert_eq!(map.get("a"), Some(&Value::Bytes(b"b".to_vec())));
    assert_eq!(unpack_modern(b"\xc4\x01a").unwrap(), Value::Bytes(b"a".to_vec()));
    assert_eq!(unpack_modern(b"\xa1a").unwrap(), Value::Str("a".into()));
}

#[test]
fn any_scalar_is_a_key_and_containers_are_none() {
    let map = unpack(b"\x84\x01\x02\xc0\x03\xca\x3f\x00\x00\x00\x04\xc2\x05").unwrap();
    let map = map.as_map().unwrap();
    assert_eq!(map.get_key(&Value::Int(1)), Some(&Value::Int(2)));
    assert_eq!(map.get_key(&Value::None), Some(&Value::Int(3)));
    assert_eq!(map.get_key(&Value::Float(0.5)), Some(&Value::Int(4)));
    assert_eq!(map.get_key(&Value::Bool(false)), Some(&Value::Int(5)));
    assert_eq!(unpack(b"\x81\x91\x01\x02"), Err(Error::Key("list")));
    assert_eq!(unpack(b"\x81\x80\x02"), Err(Error::Key("map")));
}

#[test]
fn depth_is_pythons() {
    let nested = |n: usize| [vec![0x91; n - 1], vec![0x90]].concat();
    assert!(unpack(&nested(1024)).is_ok());
    assert_eq!(unpack(&nested(1025)), Err(Error::Depth));
    let value = |n: usize| (0..n).fold(Value::Int(1), |v, _| Value::List(vec![v]));
    assert!(pack(&value(1024)).is_ok());
    assert_eq!(pack(&value(1025)), Err(Error::Depth));
}

#[test]
fn lengths_are_not_believed() {
    for claim in ["\u{0}", ""] {
        for tag in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
            let bytes = [&[tag, 0xff, 0xff, 0xff, 0xff][..], claim.as_bytes()].concat();
            assert_eq!(unpack(&bytes), Err(Error::Truncated), "{tag:x}");
        }
    }
    assert_eq!(unpack(b""), Err(Error::Truncated));
    assert_eq!(unpack(b"\xc1"), Err(Error::Reserved));
    assert_eq!(unpack(b"\x01\x02"), Err(Error::Extra(1)));
}

/// Every value that the wire can carry, built of text that is text and bytes that are none.
fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (0u64..=u64::MAX).prop_map(|n| Value::from_big(BigInt::from(n))),
        any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()).prop_map(Value::Float),
        "\\PC{0,40}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|mut b| {
            b.push(0xff);
            Value::Bytes(b)
        }),
        (any::<i8>(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(t, b)| Value::Ext(t, b)),
    ];
    let key = scalar.clone();
    scalar.prop_recursive(6, 200, 20, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            prop::collection::vec((key.clone(), inner), 0..20)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(value in values()) {
        prop_assert_eq!(&unpack(&pack(&value).unwrap()).unwrap(), &value);
        prop_assert_eq!(&unpack_modern(&pack_modern(&value).unwrap()).unwrap(), &value);
    }

    #[test]
    fn a_cut_is_noticed(value in values(), cut in 0usize..1000) {
        let bytes = pack(&value).unwrap();
        let cut = cut % bytes.len();
        prop_assert_eq!(unpack(&bytes[..cut]), Err(Error::Truncated));
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(value) = unpack(&bytes) {
            let again = unpack(&pack(&value).unwrap());
            prop_assert!(again.is_ok());
        }
        let _ = unpack_bytes(&bytes);
        let _ = unpack_modern(&bytes);
    }

    #[test]
    fn one_flipped_byte_never_panics(value in values(), at in 0usize..1000, with in any::<u8>()) {
        let mut bytes = pack(&value).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= with;
        let _ = unpack(&bytes);
    }
}
