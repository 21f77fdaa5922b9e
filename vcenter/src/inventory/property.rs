//! How properties are kept: small, shared where many objects have the same, and how they are read from the wire's values.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::kind::EntityRef;
use crate::vim::Value;

/// `VirtualMachinePowerState`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// `poweredOff`
    PoweredOff,
    /// `poweredOn`
    PoweredOn,
    /// `suspended`
    Suspended,
}

impl PowerState {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            PowerState::PoweredOff => "poweredOff",
            PowerState::PoweredOn => "poweredOn",
            PowerState::Suspended => "suspended",
        }
    }
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A UUID, in 16 bytes instead of 36 characters. Shown as vSphere does, in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(u128);

impl Uuid {
    /// Reads 32 hexadecimal digits, whatever stands between them.
    pub fn parse(text: &str) -> Option<Uuid> {
        let (mut digits, mut number) = (0, 0u128);
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            number = (number << 4) | u128::from(c.to_digit(16)?);
            digits += 1;
        }
        (digits == 32).then_some(Uuid(number))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        let part = |shift: u32, bits: u32| (n >> shift) & ((1 << bits) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 32),
            part(80, 16),
            part(64, 16),
            part(48, 16),
            part(0, 48)
        )
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A network card as the guest's tools tell of it (`GuestNicInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestNic {
    /// The MAC address; tools leave it out of interfaces that are no card, such as bridges.
    pub mac_address: Option<Box<str>>,
    /// The network or portgroup by name.
    pub network: Option<Arc<str>>,
    /// All addresses, of both families.
    pub ip_addresses: Box<[IpAddr]>,
}

/// A virtual network card (`VirtualEthernetCard`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCard {
    /// The device's key within its machine.
    pub key: i32,
    /// What vSphere calls it, `Network adapter 1`.
    pub label: Arc<str>,
    /// The type of the device, `VirtualVmxnet3`.
    pub kind: Arc<str>,
    /// The MAC address; none before the first power-on of a machine whose addresses the vCenter gives.
    pub mac_address: Option<Box<str>>,
    /// The network's name, a distributed portgroup's key, or an opaque network's identifier.
    pub network: Option<Arc<str>>,
    /// Whether it is connected.
    pub connected: bool,
}

/// Keeps one copy of each text that many objects share: guest systems, states, the identifiers that objects refer to.
#[derive(Default)]
pub(super) struct Interner {
    texts: HashSet<Arc<str>>,
}

impl Interner {
    pub(super) fn intern(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(shared) => shared.clone(),
            None => {
                let shared: Arc<str> = text.into();
                self.texts.insert(shared.clone());
                shared
            }
        }
    }

    /// Forgets the texts that nothing else holds any more.
    pub(super) fn sweep(&mut self) {
        self.texts.retain(|text| Arc::strong_count(text) > 1);
        self.texts.shrink_to_fit();
    }
}

/// A field that can be read from a property. What is absent, or of another type than expected, reads as unset: a server
/// that says something odd about one object must not cost us the others.
pub(super) trait Read: Sized {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self;
}

impl Read for bool {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        value.and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Read for Option<bool> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        value.and_then(Value::as_bool)
    }
}

impl Read for Option<u32> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        value.and_then(Value::as_i64).and_then(|number| u32::try_from(number).ok())
    }
}

impl Read for Option<u64> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        value.and_then(Value::as_i64).and_then(|number| u64::try_from(number).ok())
    }
}

impl Read for Option<Box<str>> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        text(value).map(Box::from)
    }
}

impl Read for Option<Arc<str>> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        text(value).map(|text| interner.intern(text))
    }
}

impl Read for Box<[Arc<str>]> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        value.into_iter().flat_map(Value::strs).map(|text| interner.intern(text)).collect()
    }
}

impl Read for Option<EntityRef> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        value.and_then(Value::as_moref).and_then(|moref| interner.entity_ref(moref))
    }
}

impl Read for Box<[EntityRef]> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        value.into_iter().flat_map(Value::morefs).filter_map(|moref| interner.entity_ref(moref)).collect()
    }
}

impl Read for Option<PowerState> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        [PowerState::PoweredOff, PowerState::PoweredOn, PowerState::Suspended]
            .into_iter()
            .find(|state| text(value) == Some(state.as_str()))
    }
}

impl Read for Option<Uuid> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        text(value).and_then(Uuid::parse)
    }
}

impl Read for Option<IpAddr> {
    fn read(value: Option<&Value>, _: &mut Interner) -> Self {
        text(value).and_then(|text| text.parse().ok())
    }
}

impl Read for Box<[GuestNic]> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        value
            .into_iter()
            .flat_map(Value::objects)
            .map(|nic| GuestNic {
                mac_address: nic.str("macAddress").filter(|mac| !mac.is_empty()).map(Box::from),
                network: nic.str("network").filter(|name| !name.is_empty()).map(|name| interner.intern(name)),
                ip_addresses: nic
                    .list("ipAddress")
                    .iter()
                    .filter_map(|address| address.as_str()?.parse().ok())
                    .collect(),
            })
            .collect()
    }
}

/// Of all devices of a machine only the network cards are kept.
impl Read for Box<[NetworkCard]> {
    fn read(value: Option<&Value>, interner: &mut Interner) -> Self {
        value
            .into_iter()
            .flat_map(Value::objects)
            .filter(|device| device.is_a("VirtualEthernetCard"))
            .map(|device| {
                let text = |path: &str| device.str(path).filter(|text| !text.is_empty());
                let network = text("backing.deviceName")
                    .or_else(|| text("backing.port.portgroupKey"))
                    .or_else(|| text("backing.opaqueNetworkId"));
                NetworkCard {
                    key: device.i64("key").and_then(|key| i32::try_from(key).ok()).unwrap_or_default(),
                    label: interner.intern(text("deviceInfo.label").unwrap_or_default()),
                    kind: interner.intern(device.kind()),
                    mac_address: text("macAddress").map(Box::from),
                    network: network.map(|name| interner.intern(name)),
                    connected: device.bool("connectable.connected").unwrap_or(false),
                }
            })
            .collect()
    }
}

impl Interner {
    pub(super) fn entity_ref(&mut self, moref: &crate::vim::MoRef) -> Option<EntityRef> {
        let kind = super::kind::Kind::from_name(moref.kind())?;
        Some(EntityRef::new(kind, self.intern(moref.id())))
    }
}

/// The name of an entity; without one, its identifier stands for it.
pub(super) fn read_name(value: Option<&Value>, reference: &EntityRef) -> Arc<str> {
    match text(value) {
        Some(name) => decode_name(name).into(),
        None => reference.shared_moid(),
    }
}

/// A name out of the form vSphere gives it, in which `/`, `\` and `%` are written `%2f`, `%5c` and `%25`
/// (`ManagedEntity.name`). No other escapes are: `100%` stays what it is.
pub fn decode_name(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3).map(str::to_ascii_lowercase);
        let (plain, taken) = match escape.as_deref() {
            Some("%2f") => ('/', 3),
            Some("%5c") => ('\\', 3),
            Some("%25") => ('%', 3),
            _ => ('%', 1),
        };
        decoded.push(plain);
        rest = &rest[at + taken..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// A name in the form that vSphere gives it, and wants for a new object; see [`decode_name`].
pub fn encode_name(name: &str) -> Cow<'_, str> {
    if !name.contains(['/', '\\', '%']) {
        return Cow::Borrowed(name);
    }
    let mut encoded = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        match c {
            '/' => encoded.push_str("%2f"),
            '\\' => encoded.push_str("%5c"),
            '%' => encoded.push_str("%25"),
            other => encoded.push(other),
        }
    }
    Cow::Owned(encoded)
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_as_vsphere_encodes_them() {
        for (encoded, plain) in [
            ("a%2fb", "a/b"),
            ("a%2Fb", "a/b"),
            ("c%5cd", "c\\d"),
            ("5%25", "5%"),
            ("%252f", "%2f"),
            ("ä%2fö", "ä/ö"),
        ] {
            assert_eq!(decode_name(encoded), plain);
            assert_eq!(encode_name(plain), encoded.replace("%2F", "%2f"));
        }
        for odd in ["100%", "%", "%2", "%zz", "%é", "plain"] {
            assert_eq!(decode_name(odd), odd);
        }
    }

    #[test]
    fn a_uuid_is_shown_as_it_came() {
        let text = "4221d3a7-00be-5f31-9c3d-0a1b2c3d4e5f";
        let uuid = Uuid::parse(text).unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(Uuid::parse("42 21 d3 a7 00 be 5f 31-9c 3d 0a 1b 2c 3d 4e 5f"), Some(uuid));
        assert_eq!(Uuid::parse(""), None);
        assert_eq!(Uuid::parse("4221d3a7-00be-5f31-9c3d-0a1b2c3d4e5f0"), None);
        assert_eq!(Uuid::parse("4221d3a7-00be-5f31-9c3d-0a1b2c3d4e5g"), None);
    }

    #[test]
    fn of_the_devices_only_network_cards_are_kept() {
        use crate::vim::Object;
        let card = Object::new("VirtualE1000")
            .set("key", 4000)
            .set("macAddress", "00:0c:29:00:00:01")
            .set("deviceInfo", Object::new("Description").set("label", "Network adapter 1"))
            .set(
                "backing",
                Object::new("VirtualEthernetCardNetworkBackingInfo").set("deviceName", "VM Network"),
            );
        let disk = Object::new("VirtualDisk").set("key", 2000);
        let devices = Value::from(vec![disk, card]);
        let cards = <Box<[NetworkCard]>>::read(Some(&devices), &mut Interner::default());
        assert_eq!(cards.len(), 1);
        assert_eq!(
            (cards[0].key, &*cards[0].kind, &*cards[0].label),
            (4000, "VirtualE1000", "Network adapter 1")
        );
        assert_eq!(cards[0].mac_address.as_deref(), Some("00:0c:29:00:00:01"));
        assert_eq!(cards[0].network.as_deref(), Some("VM Network"));
    }

    #[test]
    fn shared_texts_are_kept_once_and_forgotten_when_unused() {
        let mut interner = Interner::default();
        let (a, b) = (interner.intern("otherGuest"), interner.intern("otherGuest"));
        assert!(Arc::ptr_eq(&a, &b));
        drop((a, b));
        interner.sweep();
        assert!(interner.texts.is_empty());
    }
}
