//! Lists over SOAP: paging, details, faults, headers, attachments, credentials.

#![allow(clippy::unwrap_used)]

use guichet_sdk::{FaultKind, Retry};
use guichet_testkit::{Hub, SoapMood};
use serde_json::{Value, json};

mod desk;
use desk::{ROOMY, codes, drain, fault, flow, keys, list, numbers, office};

#[tokio::test]
async fn every_paging_gives_every_record_once_in_order_at_any_batch_size() {
    let office = office(23).await;
    let by = |body: &str, page: Value| json!({ "body": list(body), "page": page });
    for more in [
        json!({}),
        json!({ "version": "1.2" }),
        by("<q:page>{page}</q:page><q:size>5</q:size>", json!({ "by": "page" })),
        by(
            "<q:page>{page}</q:page><q:size>{size}</q:size>",
            json!({ "by": "page", "size": 5, "total": "ListCasesResponse/total" }),
        ),
        by("<q:page>{page}</q:page><q:size>5</q:size>", json!({ "by": "page", "more": "ListCasesResponse/more" })),
        by(
            "<q:offset>{offset}</q:offset><q:size>5</q:size>",
            json!({ "by": "offset", "more": "o:ListCasesResponse/o:more" }),
        ),
        by(
            "<q:token>{cursor}</q:token><q:size>5</q:size>",
            json!({ "by": "cursor", "path": "ListCasesResponse/token" }),
        ),
    ] {
        let plan = flow(&office, more.clone());
        for batch in [1, 5, 100] {
            let mut hub = Hub::default();
            drain(&mut hub, &plan, batch).await;
            assert_eq!(keys(&hub), numbers(1..=23), "{more} in batches of {batch}");
            assert!(hub.notices.is_empty(), "{:?}", hub.notices);
        }
    }
}

#[tokio::test]
async fn a_peer_that_ignores_paging_is_told_and_does_not_run_for_ever() {
    let office = office(5).await;
    let plan = flow(&office, json!({ "body": list("<q:seite>{page}</q:seite>"), "page": { "by": "page" } }));
    let mut source = Hub::default().open(&*plan).await.unwrap().source.unwrap();
    let first = source.next(None, ROOMY).await.unwrap();
    let fault = source.next(first.cursor.as_ref(), ROOMY).await.unwrap_err();
    assert_eq!((fault.issue.code.0, fault.retry), ("E320", Retry::Never));
}

#[tokio::test]
async fn details_keep_the_order_of_the_list_and_gone_ones_are_told() {
    let office = office(20).await;
    let detail = json!({
        "action": "urn:office/GetCase",
        "body": "<q:GetCase xmlns:q='urn:office'><q:number>{id}</q:number></q:GetCase>",
        "id": "#text",
        "concurrency": 3,
    });
    let gone = json!([{ "code": "Client.NoSuchCase", "means": "empty" }]);
    let plan = flow(&office, json!({ "record": "o:number", "detail": detail, "faults": gone }));
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 5).await;
    assert_eq!(keys(&hub), numbers(1..=20));
    assert!(hub.records.iter().all(|record| record.origin.name.starts_with("GetCase ")));
    assert!(office.desk().asked.last().unwrap().0["soapaction"] == "\"urn:office/GetCase\"");
    office.desk().cases[3].clear();
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 100).await;
    assert_eq!((hub.records.len(), codes(&hub)), (19, vec!["E326"]));
    // without that rule the fault stands beside its list item, and the others are read all the same
    let told = flow(&office, json!({ "record": "o:number", "detail": detail }));
    let mut hub = Hub::default();
    drain(&mut hub, &told, 100).await;
    assert_eq!((hub.records.len(), codes(&hub)), (19, vec!["E343"]));
    let (kept, why) = &hub.broken[0];
    assert!(kept.bytes.ends_with(b">4</c:number>") && why.message.contains("no such case"), "{kept:?} {why}");
}

#[tokio::test]
async fn a_pull_takes_up_where_the_one_before_left_off() {
    let office = office(5).await;
    let since = json!({ "path": "o:number", "counts": "number" });
    let plan = flow(&office, json!({ "body": list("<q:after>{since}</q:after>"), "since": since }));
    let mut hub = Hub::default();
    drain(&mut hub, &plan, 2).await;
    office.add("key-6");
    drain(&mut hub, &plan, 2).await;
    assert_eq!(keys(&hub), numbers(1..=6));
    assert!(!office.desk().asked[0].1.contains("after"), "a first pull has nothing to ask from");
}

#[tokio::test]
async fn faults_are_told_with_what_they_say_whatever_they_come_as() {
    let office = office(3).await;
    let bare = "<Fault><faultcode>Server</faultcode><faultstring>ORA-12541</faultstring></Fault>".to_owned();
    let envelope = |inside: &str| {
        format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{inside}</s:Body></s:Envelope>"
        )
    };
    let errors = envelope("<r xmlns='urn:x'><Errors><Result>1</Result><Message>no such place</Message></Errors></r>");
    let login = "<!DOCTYPE html><html><input name='password'></html>".to_owned();
    let client = envelope("<s:Fault><faultcode>s:Client</faultcode><faultstring>bad date</faultstring></s:Fault>");
    let rule = |rule: Value| json!({ "faults": [rule] });
    let none = || json!({});
    for (status, kind, body, more, expected, says) in [
        (500, "text/plain", &bare, none(), (FaultKind::Protocol, Retry::After(None), "E342"), "Server: ORA-12541"),
        (200, "text/xml", &bare, none(), (FaultKind::Protocol, Retry::After(None), "E342"), "ORA-12541"),
        (
            500,
            "text/plain",
            &bare,
            rule(json!({ "text": "ORA-", "means": "permanent" })),
            (FaultKind::Refused, Retry::Never, "E343"),
            "ORA-12541",
        ),
        (500, "text/xml", &client, none(), (FaultKind::Refused, Retry::Never, "E343"), "Client: bad date"),
        (
            200,
            "text/xml",
            &errors,
            rule(json!({ "element": "Errors", "text": "no such", "means": "permanent" })),
            (FaultKind::Refused, Retry::Never, "E345"),
            "1 no such place",
        ),
        (200, "text/html", &login, none(), (FaultKind::Protocol, Retry::After(None), "E311"), "web page"),
        (200, "text/xml", &"<wsdl/>".to_owned(), none(), (FaultKind::Protocol, Retry::After(None), "E340"), "envelope"),
        (200, "text/xml", &String::new(), none(), (FaultKind::Protocol, Retry::After(None), "E122"), "root"),
        (502, "text/html", &login, none(), (FaultKind::Protocol, Retry::After(None), "E305"), "502"),
        (500, "text/xml", &envelope("<ok/>"), none(), (FaultKind::Protocol, Retry::After(None), "E305"), "500"),
        (401, "text/xml", &envelope("<ok/>"), none(), (FaultKind::Unauthorized, Retry::After(None), "E302"), "401"),
    ] {
        office.desk().mood = SoapMood::Saying(status, kind, body.clone());
        let told = fault(&flow(&office, more)).await;
        assert_eq!((told.kind, told.retry, told.issue.code.0), expected, "{status} {kind} {body}");
        assert!(told.issue.message.contains(says), "{}", told.issue);
        assert!(told.issue.place.file.is_some());
    }
    office.desk().mood = SoapMood::Saying(200, "text/xml", errors);
    let mut hub = Hub::default();
    drain(&mut hub, &flow(&office, rule(json!({ "element": "Errors", "means": "empty" }))), 10).await;
    drain(&mut hub, &flow(&office, rule(json!({ "element": "Errors", "text": "x", "means": "permanent" }))), 10).await;
    assert!(hub.records.is_empty());
}

#[tokio::test]
async fn what_xml_must_not_hold_is_refused_with_its_place() {
    let office = office(0).await;
    let deep = format!("<a>{}", "<a>".repeat(100_000));
    let envelope = |prolog: &str, inside: &str| {
        let space = "xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'";
        format!("{prolog}<s:Envelope {space}>\n<s:Body>{inside}</s:Body></s:Envelope>")
    };
    for (body, code, line) in [
        (envelope("<!DOCTYPE x [<!ENTITY e 'x'>]>", "<a/>"), "E123", 1),
        (envelope("", &deep), "E126", 2),
        (envelope("", "<a><xsi:b/></a>"), "E124", 2),
        (envelope("", "<a></b>"), "E121", 2),
        (envelope("", "<a xsi:nil='true'/>"), "E124", 2),
    ] {
        office.desk().mood = SoapMood::Saying(200, "text/xml", body);
        let told = fault(&flow(&office, json!({}))).await;
        assert_eq!((told.issue.code.0, told.issue.place.line), (code, Some(line)), "{}", told.issue);
    }
}

#[tokio::test]
async fn a_header_that_must_be_understood_and_is_not_is_a_failure() {
    let office = office(2).await;
    office.desk().header = "<x xmlns='urn:x' e:mustUnderstand='1'/>".to_owned();
    let told = fault(&flow(&office, json!({}))).await;
    assert_eq!((told.issue.code.0, told.retry), ("E344", Retry::Never));
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    office.desk().header = format!(
        "<a:Action xmlns:a='http://www.w3.org/2005/08/addressing' e:mustUnderstand='1'>x</a:Action>\
         <w:Security xmlns:w='{wsse}' e:mustUnderstand='1'><u:Timestamp xmlns:u='{wsu}'><u:Created/></u:Timestamp></w:Security>"
    );
    let mut hub = Hub::default();
    drain(&mut hub, &flow(&office, json!({})), 10).await;
    assert_eq!(keys(&hub), numbers(1..=2));
}

#[tokio::test]
async fn each_attempt_has_a_nonce_and_an_id_of_its_own() {
    let office = office(2).await;
    let secret = std::env::temp_dir().join(format!("guichet-soap-{}", std::process::id()));
    std::fs::write(&secret, "s3cret\n").unwrap();
    (office.desk().mood, office.desk().moody_for) = (SoapMood::Failing, 1);
    let security = json!({ "user": "hub", "password": { "file": secret } });
    let plan = flow(&office, json!({ "security": security, "addressing": { "to": "urn:desk" } }));
    drain(&mut Hub::default(), &plan, 10).await;
    std::fs::remove_file(secret).unwrap();
    let desk = office.desk();
    let asked: Vec<_> = desk.asked.iter().map(|(_, body)| body.clone()).collect();
    let of = |name: &str| -> Vec<&str> {
        asked.iter().map(|body| body.split(name).nth(1).unwrap().split(['<', '>']).nth(1).unwrap()).collect()
    };
    assert_eq!(asked.len(), 2, "a fault that may pass is repeated");
    for name in ["w:Nonce", "a:MessageID", "w:Password"] {
        let found = of(name);
        assert!(found[0] != found[1] && !found[0].is_empty(), "{name}: {found:?}");
    }
    assert!(asked[0].contains(">urn:office/ListCases</a:Action>") && asked[0].contains(">urn:desk</a:To>"));
    assert!(asked.iter().all(|body| !body.contains("s3cret") && body.contains("#PasswordDigest")));
}

#[tokio::test]
async fn refused_credentials_are_tried_three_times() {
    let office = office(2).await;
    office.desk().mood = SoapMood::Refusing;
    let plan = flow(&office, json!({}));
    let kinds = [fault(&plan).await, fault(&plan).await, fault(&plan).await, fault(&plan).await];
    assert!(kinds.iter().all(|told| told.kind == FaultKind::Unauthorized));
    assert_eq!(kinds.map(|told| told.issue.code.0), ["E302", "E302", "E303", "E303"]);
    assert_eq!(office.desk().refused, 3);
}

#[tokio::test]
async fn attachments_are_left_out_or_put_into_their_record() {
    let office = office(1).await;
    let include = "<c:key>key-2</c:key><c:scan><x:Include xmlns:x='http://www.w3.org/2004/08/xop/include' href='cid:scan'/></c:scan>";
    {
        let mut desk = office.desk();
        desk.cases.push(include.as_bytes().to_vec());
        desk.parts.push(("scan".to_owned(), b"\0\r\n--edgy".to_vec()));
    }
    let scans = async |more: Value| {
        let mut hub = Hub::default();
        drain(&mut hub, &flow(&office, more), 10).await;
        assert_eq!(keys(&hub), numbers(1..=2));
        String::from_utf8(hub.records[1].bytes.to_vec()).unwrap()
    };
    assert!(scans(json!({})).await.contains("cid:scan"));
    assert!(scans(json!({ "attachments": "inline" })).await.contains("<c:scan>AA0KLS1lZGd5</c:scan>"));
    office.desk().parts.clear();
    office.desk().parts.push(("other".to_owned(), Vec::new()));
    let told = fault(&flow(&office, json!({ "attachments": "inline" }))).await;
    assert_eq!((told.issue.code.0, told.issue.place.line.is_some()), ("E347", true));
}
