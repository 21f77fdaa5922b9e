//! How much memory the inventory takes for each virtual machine: `cargo run --release --example memory [HOW_MANY]`.
//!
//! Fills a store with machines as a vCenter describes them (names, addresses and folders all different), and compares the
//! process's resident memory before and after. Linux only: reads `/proc/self/statm`.

use vcenter::inventory::{EntityRef, Event, Kind, ObjectUpdate, store};
use vcenter::{MoRef, Object, Value};

fn main() {
    let machines: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let (mut writer, store) = store();
    writer.apply((0..2000).map(machine).collect());
    writer.apply(vec![Event::Init, Event::InitDone]);

    let before = resident();
    for batch in (0..machines).collect::<Vec<_>>().chunks(500) {
        writer.apply(batch.iter().map(|n| machine(*n)).collect());
    }
    let after = resident();
    assert_eq!(store.read().len(), machines);
    let each = after.saturating_sub(before) / machines.max(1);
    println!(
        "{machines} virtual machines: {} KiB, {each} bytes each with all indexes",
        (after - before) / 1024
    );
}

fn machine(n: usize) -> Event {
    let moref = |kind: &str, id: String| Some(Value::from(MoRef::new(kind, id)));
    let text = |text: String| Some(Value::from(text));
    let ip = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    let nic = Object::new("GuestNicInfo")
        .set("network", format!("VLAN {}", n % 50))
        .set("macAddress", format!("00:50:56:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255))
        .set(
            "ipAddress",
            vec![ip.clone(), format!("fe80::250:56ff:fe{:02x}:{:x}", n >> 16 & 255, n & 0xffff)],
        );
    let properties: Vec<(&str, Option<Value>)> = vec![
        ("name", text(format!("web-frontend-{n:05}"))),
        ("parent", moref("Folder", format!("group-v{}", n % 100))),
        ("config.template", Some(false.into())),
        ("runtime.powerState", Some("poweredOn".into())),
        ("runtime.connectionState", Some("connected".into())),
        ("config.uuid", text(format!("4221d3a7-00be-5f31-9c3d-{n:012x}"))),
        ("config.instanceUuid", text(format!("5021d3a7-00be-5f31-9c3d-{n:012x}"))),
        ("config.guestId", Some("rhel8_64Guest".into())),
        ("config.guestFullName", Some("Red Hat Enterprise Linux 8 (64-bit)".into())),
        ("summary.guest.guestFullName", Some("Red Hat Enterprise Linux 8 (64-bit)".into())),
        ("guest.ipAddress", text(ip)),
        ("guest.hostName", text(format!("web-frontend-{n:05}.example.com"))),
        ("guest.net", Some(vec![nic].into())),
        ("guest.toolsRunningStatus", Some("guestToolsRunning".into())),
        ("guest.toolsVersionStatus2", Some("guestToolsCurrent".into())),
        ("runtime.host", moref("HostSystem", format!("host-{}", n % 200))),
        ("resourcePool", moref("ResourcePool", format!("resgroup-{}", n % 20))),
        ("datastore", Some(vec![MoRef::new("Datastore", format!("datastore-{}", n % 40))].into())),
        ("network", Some(vec![MoRef::new("Network", format!("network-{}", n % 50))].into())),
        ("config.hardware.numCPU", Some(4.into())),
        ("config.hardware.memoryMB", Some(16384.into())),
        ("config.changeVersion", text(format!("2026-01-01T00:00:00.{n:06}Z"))),
    ];
    Event::Apply(ObjectUpdate::new(
        EntityRef::new(Kind::VirtualMachine, format!("vm-{n}")),
        true,
        properties.into_iter().map(|(path, value)| (path.into(), value)).collect(),
    ))
}

/// Resident memory, bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm, as Linux has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("resident pages");
    pages * 4096
}
