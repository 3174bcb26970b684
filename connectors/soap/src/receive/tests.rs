//! Messages as peers send them and as attackers would: what is taken, and in which words the rest is refused.

#![allow(clippy::unwrap_used)]

use guichet_sdk::format::{Format, Limits, Shape};
use guichet_sdk::{Ended, Issue, Message, Place, Receiver, Taken, Turned};
use serde_json::{Value, json};

use super::*;

const S11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const S12: &str = "http://www.w3.org/2003/05/soap-envelope";
const PASSWORD: &str = "GUICHET_SOAP_RECEIVE_TEST";

fn checked(settings: Value) -> Result<Envelopes, Vec<Issue>> {
    let namespaces = vec![("p".to_owned(), "urn:planning".to_owned())];
    let shape = Shape::Xml { record: "p:Status".to_owned(), namespaces, raw: Vec::new() };
    let format = Format { shape, encoding: "auto".to_owned(), limits: Limits::default() };
    check(&serde_json::from_value(settings).unwrap(), &format, std::path::Path::new("."))
}

fn receiver(settings: Value) -> Envelopes {
    checked(settings).ok().unwrap()
}

fn message(version: &str, header: &str, body: &str, action: Option<&str>) -> Message {
    let content_type = if version == S12 { "application/soap+xml; charset=utf-8" } else { "text/xml" };
    let mut headers = vec![("content-type".into(), content_type.into())];
    headers.extend(action.map(|action| ("soapaction".into(), format!("\"{action}\"").into())));
    let text =
        format!("<x:Envelope xmlns:x=\"{version}\"><x:Header>{header}</x:Header><x:Body>{body}</x:Body></x:Envelope>");
    Message { headers, body: text.into() }
}

const STATUS: &str = "<a:Status xmlns:a=\"urn:planning\"><a:number>1</a:number></a:Status>";

/// The code with which a message is refused; empty when it is not.
fn refused(receiver: &Envelopes, message: &Message) -> &'static str {
    receiver.unwrap(message).map_or_else(|turned| turned.issue.code.0, |_| "")
}

#[test]
fn the_body_decides_and_nothing_around_it_may_contradict() {
    let plain = receiver(json!({}));
    let exact = receiver(json!({ "action": "urn:act" }));
    for (action, code, exact_code) in [
        (None, "", ""),
        (Some(""), "", ""),
        (Some("urn:planning#Status"), "", "E281"),
        (Some("http://x/Status"), "", "E281"),
        (Some("urn:act"), "E281", ""),
        (Some("urn:planning#DeleteEverything"), "E281", "E281"),
    ] {
        let sent = message(S11, "", STATUS, action);
        assert_eq!((refused(&plain, &sent), refused(&exact, &sent)), (code, exact_code), "{action:?}");
    }
    let mut sent = message(S12, "", STATUS, None);
    sent.headers[0].1 = "application/soap+xml; action=\"urn:other\"".into();
    assert_eq!(refused(&plain, &sent), "E281");
    let addressed = "<w:Action xmlns:w='http://www.w3.org/2005/08/addressing'>urn:other</w:Action>";
    assert_eq!(refused(&plain, &message(S12, addressed, STATUS, None)), "E281");
    for other in ["<Status/>", "<b:Status xmlns:b='urn:else'/>", "", "<x:Fault/>"] {
        assert_eq!(refused(&plain, &message(S11, "", other, None)), "E280", "{other}");
    }
}

#[test]
fn headers_are_understood_or_refused_and_hold_no_records() {
    let plain = receiver(json!({}));
    let must = "<t:Transaction xmlns:t='urn:t' x:mustUnderstand='1'/>";
    assert_eq!(refused(&plain, &message(S11, must, STATUS, None)), "E282");
    let security = format!("<w:Security xmlns:w='{}' x:mustUnderstand='1'/>", crate::security::WSSE);
    assert_eq!(refused(&plain, &message(S11, &security, STATUS, None)), "E282");
    let to = "<w:To xmlns:w='http://www.w3.org/2005/08/addressing' x:mustUnderstand='1'>urn:hub</w:To>";
    assert_eq!(refused(&plain, &message(S12, to, STATUS, None)), "");
    let hidden = format!("<deep>{STATUS}</deep>");
    assert_eq!(refused(&plain, &message(S11, &hidden, STATUS, None)), "E283");
}

#[test]
fn what_is_no_message_is_refused_in_the_version_it_was_sent_in() {
    let plain = receiver(json!({}));
    let told = |message: &Message| {
        let turned = plain.unwrap(message).unwrap_err();
        let reply = plain.refuse(message, &turned).unwrap();
        (reply.status, reply.content_type, String::from_utf8(reply.body.to_vec()).unwrap())
    };
    let mut bomb = message(S11, "", STATUS, None);
    bomb.body = [b"<!DOCTYPE lolz [<!ENTITY a \"b\">]>", &*bomb.body].concat().into();
    let (status, kind, text) = told(&bomb);
    assert_eq!((status, kind), (500, "text/xml; charset=utf-8"));
    assert!(text.contains("<faultcode>s:Client</faultcode>") && text.contains("E123"), "{text}");
    let (status, kind, text) = told(&message(S12, "", "<Other/>", None));
    assert_eq!((status, kind), (400, "application/soap+xml; charset=utf-8"));
    assert!(text.contains(S12) && text.contains("<s:Value>s:Sender</s:Value>") && text.contains("E280"), "{text}");
    let (_, _, text) = told(&message("urn:soap:9", "", STATUS, None));
    assert!(text.contains("s:VersionMismatch"), "{text}");
    let (_, _, text) = told(&message(S11, "<a x:mustUnderstand='1'/>", STATUS, None));
    assert!(text.contains("s:MustUnderstand"), "{text}");
    let busy = Turned::hub(Issue::error(codes::ELEMENT, "a <test> & more"));
    let reply = plain.refuse(&message(S12, "", STATUS, None), &busy).unwrap();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(reply.status == 500 && text.contains("s:Receiver") && text.contains("a &lt;test&gt; &amp; more"), "{text}");
    assert!(crate::envelope::read(&text, Limits::default()).unwrap().fault.is_some());
}

fn taken(ended: Ended) -> Taken {
    Taken { position: 1, place: Place::default(), ended, issue: None }
}

#[test]
fn an_answer_is_an_envelope_of_the_same_version() {
    let all = [taken(Ended::Applied), taken(Ended::Quarantined)];
    let told = |receiver: &Envelopes, message: &Message| {
        let reply = receiver.answer(message, &all);
        (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
    };
    let (status, text) = told(&receiver(json!({})), &message(S12, "", STATUS, None));
    assert!(
        status == 200 && text.contains(S12) && text.contains("<r:StatusResponse xmlns:r=\"urn:planning\"/>"),
        "{text}"
    );
    let own = receiver(json!({ "answer": "<Ack xmlns='urn:a'><n>{received}</n><h>{quarantined}</h></Ack>" }));
    let id = "<w:MessageID xmlns:w='http://www.w3.org/2005/08/addressing'>urn:uuid:1&amp;2</w:MessageID>";
    let (_, text) = told(&own, &message(S11, id, STATUS, None));
    assert!(text.contains("<Ack xmlns='urn:a'><n>2</n><h>1</h></Ack>"), "{text}");
    assert!(
        text.contains("<a:RelatesTo xmlns:a=\"http://www.w3.org/2005/08/addressing\">urn:uuid:1&amp;2</a:RelatesTo>"),
        "{text}"
    );
    assert!(crate::envelope::read(&text, Limits::default()).is_ok(), "{text}");
}

#[test]
fn every_mistake_in_the_settings_is_told() {
    let found = |settings: Value| {
        let issues = checked(settings).err().unwrap();
        issues.into_iter().map(|issue| issue.place.path.unwrap()).collect::<Vec<_>>()
    };
    let wrong = json!({
        "element": "q:Status", "fields": ["a b"], "answer": "<a>{recieved}</a>", "wsdl": "none.wsdl",
        "security": { "client": "planning" },
    });
    let expected = ["receive.element", "receive", "receive.answer", "receive.wsdl", "receive.security"];
    assert_eq!(found(wrong), expected);
    assert_eq!(found(json!({ "answer": "<a><b></a>" })), ["receive.answer"]);
}

#[test]
fn the_address_is_put_into_a_wsdl_wherever_one_stands() {
    let folder = tempfile::tempdir().unwrap();
    let own = "<w:definitions xmlns:w='http://schemas.xmlsoap.org/wsdl/' xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/'>\
               <w:service><w:port><s:address location='http://old/'/></w:port></w:service></w:definitions>";
    std::fs::write(folder.path().join("own.wsdl"), own).unwrap();
    let file = folder.path().join("own.wsdl");
    let told = receiver(json!({ "wsdl": file })).describe("http://hub/?a&b").unwrap();
    assert_eq!(
        std::str::from_utf8(&told.body).unwrap(),
        own.replace("location='http://old/'", "location=\"http://hub/?a&amp;b\"")
    );
    let made = receiver(json!({ "fields": ["number", "state"] })).describe("http://hub/x").unwrap();
    let made = String::from_utf8(made.body.to_vec()).unwrap();
    assert!(wsdl::Description::given(made).is_ok(), "what is made can be read");
}

/// Worked out as in `security`: the digest of the profile.
fn token(nonce: &str, created: &str, password: &str) -> String {
    let (wsse, wsu) = (crate::security::WSSE, crate::security::WSU);
    let digest = crate::security::digest(nonce.as_bytes(), created, password);
    let nonce = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, nonce);
    format!(
        "<w:Security xmlns:w='{wsse}' x:mustUnderstand='1'><w:UsernameToken><w:Username>planning</w:Username>\
         <w:Password Type='x#PasswordDigest'>{digest}</w:Password><w:Nonce>{nonce}</w:Nonce>\
         <u:Created xmlns:u='{wsu}'>{created}</u:Created></w:UsernameToken></w:Security>"
    )
}

#[test]
fn an_account_in_the_envelope_counts_once_and_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, PASSWORD).unwrap();
    let guarded = receiver(json!({ "security": { "client": "planning", "password": { "file": file } } }));
    let guard = guarded.guard().unwrap();
    let now = "2026-11-24T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let client = |header: &str| {
        let told = guard.client(&message(S11, header, STATUS, None), now);
        told.map_err(|turned| turned.issue.code.0)
    };
    let good = token("n1", "2026-11-24T12:00:01.000Z", PASSWORD);
    assert_eq!(client(&good), Ok("planning".to_owned()));
    assert_eq!(client(&good), Err("E285"), "sent again");
    assert_eq!(client(&token("n2", "2026-11-24T11:54:00Z", PASSWORD)), Err("E285"), "too old");
    assert_eq!(client(&token("", "2026-11-24T12:00:00Z", PASSWORD)), Err("E285"), "no nonce");
    assert_eq!(client(&token("n3", "2026-11-24T12:00:00Z", "guess")), Err("E284"));
    assert_eq!(
        client(&token("n3", "2026-11-24T12:00:00Z", PASSWORD)),
        Ok("planning".to_owned()),
        "a guess costs no nonce"
    );
    assert_eq!(client(""), Err("E284"));
    let text = token("n4", "2026-11-24T12:00:00Z", PASSWORD).replace("#PasswordDigest", "#PasswordText");
    assert_eq!(client(&text), Err("E284"), "a digest is no password");
    let two = token("n5", "2026-11-24T12:00:00Z", PASSWORD).replace("</w:Security>", "<w:UsernameToken/></w:Security>");
    assert_eq!(client(&two), Err("E284"));
    let sent = message(S11, &token("n6", "2026-11-24T12:00:00Z", PASSWORD), STATUS, None);
    assert_eq!(refused(&guarded, &sent), "", "WS-Security is understood here");
}
