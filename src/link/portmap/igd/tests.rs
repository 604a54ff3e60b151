//! A whole conversation with a device, and devices that are difficult.

use super::*;

const DESCRIPTION: &str = r#"<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
<controlURL>/ctl/L3F</controlURL></service></serviceList>
<deviceList><device><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType>
<controlURL>/ctl/PPP</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<SCPDURL>/WANIPCn.xml</SCPDURL><controlURL>/ctl/IPConn</controlURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>"#;

fn igd() -> Igd {
    let location = Url::parse("http://192.168.1.1:5000/root.xml").unwrap();
    Igd::new(location, "192.168.1.2:5050".parse().unwrap())
}

fn described() -> Igd {
    let mut igd = igd();
    igd.handle_description(DESCRIPTION);
    igd
}

fn call(igd: &Igd) -> Call {
    match igd.step() {
        Step::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

fn success(inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <u:Response>{inside}</u:Response></s:Body></s:Envelope>"
    )
}

fn fault(code: u16) -> String {
    format!(
        "<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode><detail><UPnPError>\
         <errorCode>{code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>"
    )
}

const ADDRESS: &str = "<NewExternalIPAddress>11.1.0.1</NewExternalIPAddress>";

#[test]
fn a_usual_device_maps_a_port() {
    let mut igd = igd();
    assert!(matches!(igd.step(), Step::Describe(url) if url.path == "/root.xml"));
    igd.handle_description(DESCRIPTION);
    let add = call(&igd);
    assert_eq!(add.url.to_string(), "http://192.168.1.1:5000/ctl/IPConn");
    assert_eq!(add.action, "\"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"");
    assert!(add.body.contains(
        "<NewExternalPort>5050</NewExternalPort><NewProtocol>UDP</NewProtocol>\
         <NewInternalPort>5050</NewInternalPort><NewInternalClient>192.168.1.2</NewInternalClient>"
    ));
    assert!(add.body.contains("<NewLeaseDuration>1800</NewLeaseDuration>"));
    igd.handle_answer(&success(""));
    assert!(call(&igd).action.contains("GetExternalIPAddress"));
    igd.handle_answer(&success(ADDRESS));
    assert_eq!(igd.step(), Step::Mapped("11.1.0.1:5050".parse().unwrap()));

    igd.renew();
    assert_eq!(call(&igd), add);
    let delete = igd.withdrawal().unwrap();
    assert!(delete.action.ends_with("#DeletePortMapping\""));
    assert!(is_withdrawn(&success("")) && is_withdrawn(&fault(714)) && !is_withdrawn(&fault(501)));
}

#[test]
fn a_port_that_somebody_has_is_left_to_them() {
    let mut igd = described();
    igd.handle_answer(&fault(718));
    assert!(call(&igd).body.contains("<NewExternalPort>5051<"));
    igd.handle_answer(&success(""));
    igd.handle_answer(&success(ADDRESS));
    assert_eq!(igd.step(), Step::Mapped("11.1.0.1:5051".parse().unwrap()));
    assert!(igd.withdrawal().unwrap().body.contains("<NewExternalPort>5051<"));

    let mut stubborn = described();
    for _ in 0..=MAX_CONFLICTS {
        stubborn.handle_answer(&fault(718));
    }
    assert_eq!(stubborn.step(), Step::Failed);
}

#[test]
fn a_device_without_leases_gets_a_lasting_mapping() {
    let mut igd = described();
    igd.handle_answer(&fault(725));
    assert!(call(&igd).body.contains("<NewLeaseDuration>0<"));
    igd.handle_answer(&fault(725));
    assert_eq!(igd.step(), Step::Failed);
}

#[test]
fn what_is_not_understood_fails() {
    for document in
        ["", "<root>", "<root/>", &DESCRIPTION.replace("/ctl/IPConn", "http://1.2.3.4/")]
    {
        let mut igd = igd();
        igd.handle_description(document);
        assert_eq!(igd.step(), Step::Failed, "{document}");
    }
    for body in ["", "<html>", "<s:Envelope><s:Fault/></s:Envelope>", &fault(606)] {
        let mut igd = described();
        igd.handle_answer(body);
        assert_eq!(igd.step(), Step::Failed, "{body}");
    }
    for address in ["", "0.0.0.0", "::1", "router"] {
        let mut igd = described();
        igd.handle_answer(&success(""));
        let element = format!("<NewExternalIPAddress>{address}</NewExternalIPAddress>");
        igd.handle_answer(&success(&element));
        assert_eq!(igd.step(), Step::Failed, "{address}");
    }
}

#[test]
fn the_better_service_is_taken_whatever_the_order() {
    let newer = DESCRIPTION.replace("WANPPPConnection:1", "WANIPConnection:2");
    let mut igd = igd();
    igd.handle_description(&newer);
    assert_eq!(call(&igd).url.path, "/ctl/PPP");
}

proptest::proptest! {
    #[test]
    fn mutilated_documents_are_read_or_refused(
        at in 0..DESCRIPTION.len(),
        length in 0usize..200,
        with in "[<>/&;a-zA-Z0-9:\"!\\[\\]-]{0,40}",
    ) {
        let end = (at + length).min(DESCRIPTION.len());
        let document = [&DESCRIPTION[..at], &with, &DESCRIPTION[end..]].concat();
        let mut igd = igd();
        igd.handle_description(&document);
        if let Step::Call(call) = igd.step() {
            proptest::prop_assert_eq!(call.url.host.ip(), &Ipv4Addr::new(192, 168, 1, 1));
            igd.handle_answer(&document);
            igd.handle_answer(&with);
        }
    }
}
