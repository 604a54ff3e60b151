//! Actions of services, as envelopes of SOAP 1.1 (UPnP Device Architecture 2.0, section 3).

use super::xml;

/// An argument of an action: name and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument<'a>(pub(super) &'a str, pub(super) &'a str);

/// What a service shall do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action<'a> {
    pub(super) name: &'a str,
    /// In the order of the service's definition: some routers insist.
    pub(super) arguments: &'a [Argument<'a>],
}

/// What a service says: elements with their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer(Vec<(String, String)>);

/// The request for an action. Nothing in it needs to be escaped: names, numbers and addresses.
pub(super) fn envelope(service: &str, action: &Action<'_>) -> String {
    let name = action.name;
    let arguments: String = action
        .arguments
        .iter()
        .map(|Argument(name, value)| format!("<{name}>{value}</{name}>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?>\r\n\
         <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
         <u:{name} xmlns:u=\"{service}\">{arguments}</u:{name}></s:Body></s:Envelope>\r\n"
    )
}

/// What the body of a response says: values, or the number of an error. None if it is no answer.
pub(super) fn answer(body: &str) -> Option<Result<Answer, u16>> {
    let (mut values, mut error, mut fault, mut envelope) = (Vec::new(), None, false, false);
    let whole = xml::visit(body, |name, text| match name {
        "errorCode" => error = text.parse().ok(),
        "Fault" => fault = true,
        "Envelope" => envelope = true,
        _ if values.len() < MAX_VALUES => values.push((name.to_owned(), text.to_owned())),
        _ => {}
    });
    if !(whole && envelope) {
        return None;
    }
    if fault { Some(Err(error?)) } else { Some(Ok(Answer(values))) }
}

/// More than any answer has.
const MAX_VALUES: usize = 32;

impl Answer {
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}
