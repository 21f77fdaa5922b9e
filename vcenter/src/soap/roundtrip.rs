//! What is written is read back the same, for objects of any type; what is no answer is refused without a panic.

use proptest::prelude::*;

use super::{Header, Request, decode, encode, ns};
use crate::schema::{self, DataType, EnumType, Kind, ManagedType, Method, Primitive, Property};
use crate::vim::{Args, DateTime, Enum, MoRef, Name, Object, Value};
use crate::{Error, Result};

fn service_content() -> &'static Method {
    schema::get().managed("ServiceInstance").unwrap().method("RetrieveServiceContent").unwrap()
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope xmlns:soapenv=\"{}\" xmlns:xsd=\"{}\" \
         xmlns:xsi=\"{}\">\n<soapenv:Body>\n{body}\n</soapenv:Body>\n</soapenv:Envelope>",
        ns::SOAP,
        ns::XSD,
        ns::XSI
    )
}

fn read(inner: &str) -> Result<Value> {
    let body = format!(
        "<RetrieveServiceContentResponse xmlns=\"urn:vim25\">{inner}</RetrieveServiceContentResponse>"
    );
    decode::answer(service_content(), envelope(&body).as_bytes())
}

fn there_and_back(value: &Value) -> Value {
    read(&encode::anything("returnval", value).unwrap()).unwrap()
}

/// Every data object type; of the two names that two services share, the one that the bare name means.
fn data_types() -> impl Iterator<Item = &'static DataType> {
    let meant =
        |it: &&DataType| schema::get().data(it.name()).is_some_and(|found| found.vmodl() == it.vmodl());
    schema::get().data_types().filter(meant)
}

/// A source of choices that a seed repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        // Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 12] = ["a", "vm-12", " ", "&", "<", ">", "\"", "'", "ö€𝄞", "\n", "\r", "]]>"];
        (0..self.below(6)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn primitive(&mut self, primitive: Primitive) -> Value {
        let n = self.roll() as i64;
        match primitive {
            Primitive::Boolean => Value::Bool(n % 2 == 0),
            Primitive::Byte => Value::Byte(n as i8),
            Primitive::Short => Value::Short(n as i16),
            Primitive::Int => Value::Int(n as i32),
            Primitive::Long => Value::Long(n),
            Primitive::Float => Value::Float([0.1, -1e-20, f32::INFINITY, f32::MAX, 0.0][self.below(5)]),
            Primitive::Double => {
                Value::Double([0.1, 1e300, f64::NEG_INFINITY, f64::MIN_POSITIVE, -7.0][self.below(5)])
            }
            Primitive::DateTime => Value::DateTime(DateTime::new("2026-11-22T17:00:00.123456+01:00")),
            Primitive::Binary => Value::Binary((0..self.below(9)).map(|_| self.roll() as u8).collect()),
            Primitive::Uri => Value::Uri(self.text()),
            Primitive::String => Value::String(self.text()),
            Primitive::Any | Primitive::Void => {
                let some = [
                    Primitive::String,
                    Primitive::Int,
                    Primitive::Long,
                    Primitive::Boolean,
                    Primitive::Double,
                ];
                match self.below(8) {
                    0 => self.reference("ManagedEntity"),
                    1 => self.enumeration(schema::get().enumeration("VirtualMachinePowerState").unwrap()),
                    2 => self.object(schema::get().data("OptionValue").unwrap(), 3),
                    3 => {
                        let item = some[self.below(some.len())];
                        Value::List((0..1 + self.below(3)).map(|_| self.primitive(item)).collect())
                    }
                    _ => {
                        let one = some[self.below(some.len())];
                        self.primitive(one)
                    }
                }
            }
        }
    }

    fn enumeration(&mut self, kind: &'static EnumType) -> Value {
        let mut values = kind.values().to_vec();
        values.push("fromTheFuture");
        Value::Enum(Enum {
            kind: Name::known(kind.name()),
            value: Name::known(values[self.below(values.len())]),
        })
    }

    fn reference(&mut self, kind: &str) -> Value {
        let kinds: Vec<&ManagedType> =
            schema::get().managed_types().filter(|it| schema::get().is_a(it.name(), kind)).collect();
        Value::MoRef(MoRef::new(kinds[self.below(kinds.len())].name(), format!("id-{}", self.below(1000))))
    }

    /// An object of `data` or a type derived from it; the deeper, the fewer of its properties are set.
    fn object(&mut self, data: &'static DataType, depth: usize) -> Value {
        let mut data = data;
        if depth < 2 && self.below(3) == 0 {
            let derived: Vec<_> =
                data_types().filter(|it| schema::get().is_a(it.name(), data.name())).collect();
            data = derived[self.below(derived.len())];
        }
        let mut object = Object::new(data.name());
        for property in data.properties() {
            let wanted = !property.is_optional() || (depth < 3 && self.below(2 + 3 * depth) == 0);
            if wanted {
                object.insert(property.name(), self.property(property, depth));
            }
        }
        Value::Object(object)
    }

    fn property(&mut self, property: &Property, depth: usize) -> Value {
        if property.is_array() {
            // A list in a list would be one list on the wire, or an ArrayOfAnyType.
            let kind = if property.kind().name() == "anyType" {
                Kind::Primitive(Primitive::Int)
            } else {
                property.kind()
            };
            return Value::List((0..1 + self.below(2)).map(|_| self.value(kind, depth)).collect());
        }
        self.value(property.kind(), depth)
    }

    fn value(&mut self, kind: Kind, depth: usize) -> Value {
        match kind {
            Kind::Primitive(primitive) => self.primitive(primitive),
            Kind::Enum(values) => self.enumeration(values),
            Kind::Managed(managed) => self.reference(managed.name()),
            Kind::Data(data) => self.object(data, depth + 1),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(index in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let types: Vec<_> = data_types().filter(|it| it.name() != "DataObject").collect();
        let data = types[index.index(types.len())];
        let value = Dice(seed).object(data, 0);
        prop_assert_eq!(there_and_back(&value), value);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode::answer(service_content(), &bytes).is_err());
    }

    #[test]
    fn no_damage_is_a_panic(seed in any::<u64>(), at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>()) {
        let mut dice = Dice(seed);
        let types: Vec<_> = data_types().collect();
        let data = types[dice.below(types.len())];
        let value = dice.object(data, 0);
        let inner = encode::anything("returnval", &value).unwrap();
        let body = format!("<RetrieveServiceContentResponse xmlns=\"urn:vim25\">{inner}</RetrieveServiceContentResponse>");
        let mut body = envelope(&body).into_bytes();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = with }
        let _ = decode::answer(service_content(), &body);
    }
}

#[test]
fn every_data_type_survives() {
    for (n, data) in data_types().enumerate() {
        let value = Dice(n as u64).object(data, 1);
        assert_eq!(there_and_back(&value), value, "{}", data.name());
    }
}

#[test]
fn an_array_of_devices_is_named_after_the_base() {
    let disk = Object::new("VirtualDisk").set("key", 1).set("capacityInKB", 4i64);
    let card = Object::new("VirtualE1000").set("key", 2);
    let list = Value::from([disk, card]);
    let text = encode::anything("val", &list).unwrap();
    assert!(
        text.starts_with("<val xsi:type=\"ArrayOfVirtualDevice\"><VirtualDevice xsi:type=\"VirtualDisk\">"),
        "{text}"
    );
    assert_eq!(there_and_back(&list), list);
    let mixed = Value::from([Value::from("a"), Value::from(1)]);
    assert_eq!(there_and_back(&mixed), mixed);
    let references = Value::from([MoRef::new("VirtualMachine", "vm-1"), MoRef::new("HostSystem", "host-2")]);
    assert_eq!(there_and_back(&references), references);
    assert!(encode::anything("val", &Value::List(vec![])).is_err());
}

#[test]
fn a_newer_server_is_kept() {
    let answer = read(
        "<returnval><rootFolder type=\"Folder\">group-d1</rootFolder>\
         <quantum xsi:type=\"QuantumInfo\"><qubits>8</qubits><site type=\"Site\">s-1</site><tag>a</tag><tag>b</tag></quantum>\
         <mode xsi:type=\"QuantumMode\">entangled</mode><count xsi:type=\"xsd:int\">3</count>\
         <many xsi:type=\"ArrayOfQuantumMode\"><QuantumMode>x</QuantumMode></many></returnval>",
    )
    .unwrap();
    assert_eq!(answer.type_name(), "ServiceContent");
    assert_eq!(answer.get("rootFolder").unwrap().as_moref(), Some(&MoRef::new("Folder", "group-d1")));
    assert_eq!(answer.get("quantum").unwrap().type_name(), "QuantumInfo");
    assert_eq!(answer.get("quantum.qubits").unwrap(), "8");
    assert_eq!(answer.get("quantum.site").unwrap().as_moref(), Some(&MoRef::new("Site", "s-1")));
    assert_eq!(answer.get("quantum.tag").unwrap(), &Value::from(["a", "b"]));
    assert_eq!(answer.get("mode").unwrap(), "entangled");
    assert_eq!(answer.get("mode").unwrap().type_name(), "QuantumMode");
    assert_eq!(answer.get("count").unwrap(), &Value::Int(3));
    assert_eq!(answer.get("many").unwrap(), &Value::from(["x"]));
}

#[test]
fn types_are_known_by_their_namespace_whatever_the_prefix() {
    let answer = read(
        "<returnval xmlns:ns7=\"urn:vim25\" xsi:type=\"ns7:OptionValue\" xmlns:x=\"http://www.w3.org/2001/XMLSchema\">\
         <key>a&amp;b</key><value xsi:type=\"x:long\"> 7 </value></returnval>",
    )
    .unwrap();
    assert_eq!(answer.type_name(), "OptionValue");
    assert_eq!(answer.get("key").unwrap(), "a&b");
    assert_eq!(answer.get("value").unwrap(), &Value::Long(7));
    let text = read("<returnval xsi:type=\"OptionValue\"><key>a<![CDATA[<&>]]>&#x41;&#66;</key></returnval>")
        .unwrap();
    assert_eq!(text.get("key").unwrap(), "a<&>AB");
}

#[test]
fn a_fault_is_typed() {
    let fault = |detail: &str| {
        let body = format!(
            "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Not &lt;now&gt;.</faultstring>\
             <detail>{detail}</detail></soapenv:Fault>"
        );
        match decode::answer(service_content(), envelope(&body).as_bytes()) {
            Err(Error::Fault(fault)) => fault,
            other => panic!("{other:?}"),
        }
    };
    let denied = fault(
        "<NotAuthenticatedFault xmlns=\"urn:vim25\" xsi:type=\"NotAuthenticated\"><object type=\"Folder\">group-d1</object>\
         <privilegeId>System.View</privilegeId></NotAuthenticatedFault>",
    );
    assert!(
        denied.is("NotAuthenticated")
            && denied.is("NoPermission")
            && denied.is("RuntimeFault") == denied.is("RuntimeFault")
    );
    assert_eq!(denied.message(), "Not <now>.");
    assert_eq!(denied.detail().str("privilegeId"), Some("System.View"));
    assert_eq!(denied.detail().moref("object"), Some(&MoRef::new("Folder", "group-d1")));
    assert_eq!(fault("<InvalidLoginFault xmlns=\"urn:vim25\"/>").kind(), "InvalidLogin");
    assert_eq!(fault("<PbmFaultFault xmlns=\"urn:pbm\" xsi:type=\"PbmFault\"/>").kind(), "PbmFault");
    assert_eq!(fault("<UnheardFault/>").kind(), "Unheard");
    assert_eq!(fault("").kind(), "MethodFault");
}

#[test]
fn nonsense_says_where_it_is() {
    let at = |inner: &str| match read(inner) {
        Err(Error::Decode { method, at }) => {
            assert_eq!(method, "RetrieveServiceContent");
            at
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        at("<returnval><about><licenseProductName><x/></licenseProductName></about></returnval>"),
        "returnval.about.licenseProductName.x: it is not text"
    );
    assert_eq!(
        at("<returnval xsi:type=\"VirtualHardware\"><numCPU>four</numCPU></returnval>"),
        "returnval.numCPU: 'four' is no int"
    );
    assert_eq!(
        at("<returnval><rootFolder>group-d1</rootFolder></returnval>"),
        "returnval.rootFolder: the reference has no type"
    );
    assert!(
        at(&"<a>".repeat(500)).contains("ends too soon") || at(&"<a>".repeat(500)).contains("nested deeper")
    );
    assert!(at(&format!("<returnval>{}", "<a>".repeat(500))).contains("nested deeper"));
    assert!(
        at("<returnval>&unheard;</returnval>").contains("no entity"),
        "{}",
        at("<returnval>&unheard;</returnval>")
    );
    let html =
        decode::answer(service_content(), b"<html><body>down for maintenance</body></html>").unwrap_err();
    assert!(html.to_string().contains("has no 'Envelope'"), "{html}");
    let other = envelope("<LoginResponse xmlns=\"urn:vim25\"/>");
    let error = decode::answer(service_content(), other.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("it is a 'LoginResponse'"), "{error}");
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>";
    assert!(
        decode::answer(service_content(), bomb.as_bytes()).unwrap_err().to_string().contains("document type")
    );
}

#[test]
fn a_request_is_written_in_the_order_of_the_schema() {
    let pc = MoRef::new("PropertyCollector", "propertyCollector");
    let spec = Object::new("PropertyFilterSpec")
        .set(
            "objectSet",
            [Object::new("ObjectSpec")
                .set(
                    "selectSet",
                    [Object::new("TraversalSpec")
                        .set("skip", false)
                        .set("path", "childEntity")
                        .set("type", "Folder")
                        .set("name", "visit<folder>")
                        .set("selectSet", [Object::new("SelectionSpec").set("name", "visit<folder>")])],
                )
                .set("obj", MoRef::new("Folder", "group-d1"))],
        )
        .set("propSet", [Object::new("PropertySpec").set("pathSet", ["name"]).set("type", "VirtualMachine")]);
    let args = Args::new()
        .set("options", Object::new("RetrieveOptions").set("maxObjects", 100i64))
        .set("specSet", [spec]);
    let header = Header { op_id: Some("job<1>"), activation_id: Some("job-1"), ..Header::default() };
    let request = Request::new(&pc, "RetrievePropertiesEx", &args, &header).unwrap();
    assert_eq!(request.service(), "vim25");
    let body = request.body().split_once("<soapenv:Header>").unwrap().1;
    assert_eq!(
        body,
        "<operationID>job&lt;1&gt;</operationID><activationId>job-1</activationId></soapenv:Header><soapenv:Body>\
         <RetrievePropertiesEx xmlns=\"urn:vim25\"><_this type=\"PropertyCollector\">propertyCollector</_this>\
         <specSet><propSet><type>VirtualMachine</type><pathSet>name</pathSet></propSet>\
         <objectSet><obj type=\"Folder\">group-d1</obj>\
         <selectSet xsi:type=\"TraversalSpec\"><name>visit&lt;folder&gt;</name><type>Folder</type><path>childEntity</path>\
         <skip>false</skip><selectSet><name>visit&lt;folder&gt;</name></selectSet></selectSet></objectSet></specSet>\
         <options><maxObjects>100</maxObjects></options></RetrievePropertiesEx></soapenv:Body></soapenv:Envelope>"
    );
}

#[test]
fn another_service_is_another_namespace() {
    let manager = MoRef::new("PbmProfileProfileManager", "ProfileManager");
    let args =
        Args::new().set("resourceType", Object::new("PbmProfileResourceType").set("resourceType", "STORAGE"));
    let header = Header { cookie: Some("52aa"), ..Header::default() };
    let request = Request::new(&manager, "PbmQueryProfile", &args, &header).unwrap();
    assert_eq!(request.service(), "pbm");
    assert!(request.body().contains("<vcSessionCookie>52aa</vcSessionCookie>"));
    assert!(request.body().contains("<PbmQueryProfile xmlns=\"urn:pbm\">"), "{}", request.body());
    // A vim25 type inside an SPBM call, and a property that vSAN added to a vim25 type.
    let health = MoRef::new("VsanVcClusterConfigSystem", "vsan-cluster-config-system");
    let spec = Object::new("VimVsanReconfigSpec").set("modify", true).set("mode", "x");
    let args = Args::new()
        .set("cluster", MoRef::new("ClusterComputeResource", "domain-c8"))
        .set("vsanReconfigSpec", spec);
    let body = Request::new(&health, "VsanClusterReconfig", &args, &Header::default()).unwrap().body;
    assert!(body.contains("<VsanClusterReconfig xmlns=\"urn:vsan\">"), "{body}");
    assert!(body.contains("<vsanReconfigSpec xmlns=\"urn:vim25\"><modify>true</modify>"), "{body}");
    assert!(body.contains("<mode xmlns=\"urn:vsan\">x</mode>"), "{body}");
}

#[test]
fn a_wrong_request_is_never_written() {
    let vm = MoRef::new("VirtualMachine", "vm-1");
    let check = |object: &MoRef, method: &str, args: Args, expect: &str| {
        let error = Request::new(object, method, &args, &Header::default()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let spec = |spec: Object| Args::new().set("spec", spec);
    let config = || Object::new("VirtualMachineConfigSpec");
    check(&vm, "PowerOnVM", Args::new(), "VirtualMachine has no method 'PowerOnVM'; is it 'PowerOnVM_Task'?");
    check(&MoRef::new("Virtual", "x"), "PowerOnVM_Task", Args::new(), "no managed object type 'Virtual'");
    check(&vm, "PowerOnVM_Task", Args::new().set("hosts", 1), "has no argument 'hosts'; it takes host");
    check(
        &vm,
        "PowerOnVM_Task",
        Args::new().set("host", vm.clone()),
        "PowerOnVM_Task.host: takes HostSystem, not VirtualMachine:vm-1",
    );
    check(&vm, "CloneVM_Task", Args::new().set("name", "x"), "CloneVM_Task.folder: is required");
    check(
        &vm,
        "ReconfigVM_Task",
        spec(Object::new("VirtualMachineConfig")),
        "no data object type 'VirtualMachineConfig'",
    );
    check(
        &vm,
        "ReconfigVM_Task",
        spec(Object::new("OptionValue")),
        "takes VirtualMachineConfigSpec, not OptionValue",
    );
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("numCpus", 4)),
        "VirtualMachineConfigSpec has no property 'numCpus'",
    );
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("numCPUs", "four")),
        "ReconfigVM_Task.spec.numCPUs: takes int, not string",
    );
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("numCPUs", 1i64 << 40)),
        "takes int, not long 1099511627776",
    );
    check(&vm, "ReconfigVM_Task", spec(config().set("name", "\0")), "character that XML cannot carry");
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("extraConfig", Object::new("OptionValue"))),
        "takes a list, not OptionValue",
    );
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("extraConfig", [Object::new("OptionValue")])),
        "spec.extraConfig.key: is required",
    );
    let device = Object::new("VirtualDeviceConfigSpec")
        .set("operation", "sub")
        .set("device", Object::new("VirtualE1000").set("key", -1));
    check(
        &vm,
        "ReconfigVM_Task",
        spec(config().set("deviceChange", [device])),
        "'sub' is no VirtualDeviceConfigSpecOperation; it takes add, remove, edit",
    );
}
