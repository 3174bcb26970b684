//! SOAP stacks nobody here wrote (spyne, node-soap on ByggR's own WSDL), and answers recorded at real back offices
//! (ByggR, Ecos, StUF, Bartec): what they say is what the hub says.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guichet_testkit::{SoapMood, SoapOffice};

use crate::support::hub::Hub;
use crate::support::project::Project;
use crate::support::{copy_folder, real_input, root};
use crate::{peers, skip};

const C2: &str = "c2-sundsvall-casemanagement/src";
const BARTEC: &str = "c1-open311-adapter/t/open311/endpoint/xml/bartec";
const ZAAK: &str = "c4-zaakbrug-stuf/src/test/testtool/MergeZdsWasAndWordt/\
    NonAggegrateRootsInWasAndWordtShouldResultInOnlyNonAggegrateRootsFromWordt/in.xml";
const STUF: &str = "c5-openforms-stuf/src/stuf/stuf_bg/templates/stuf_bg/tests/responses";

/// A running counterpart, ended when dropped.
struct Peer {
    process: Child,
    address: String,
}

impl Peer {
    /// Installs what is missing (where there is something to install) and starts it; `None` where that cannot be done.
    fn start(what: &str, more: &[&Path]) -> Option<Peer> {
        let (script, peers) = (root().join("tests/counterparts/soap.sh"), peers()?);
        let installed = Command::new(&script).args(["install", what]).output().unwrap();
        if !installed.status.success() {
            let told = String::from_utf8_lossy(&installed.stderr);
            let last: Vec<_> = told.lines().rev().take(3).collect();
            skip(&format!("{what} cannot be installed: {}", last.join(" / ")));
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(&script);
        command.arg("serve").arg(peers).args([&port.to_string(), what]).args(more);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let peer = Peer { process, address: format!("127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(&peer.address).is_err() {
            assert!(Instant::now() < deadline, "{what} was not ready within 60 s");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A project with these counterparts, one of whose ports each source is moved to.
fn project(port: &str, address: &str) -> Project {
    let project = Project::new();
    let files = root().join("tests/counterparts/soap");
    copy_folder(&files.join("mappings"), &project.path("mappings"));
    copy_folder(&files.join("config"), &project.path("config"));
    for source in ["silo", "byggr", "ecos", "casedata", "node", "answers"] {
        let file = format!("config/sources/{source}.toml");
        if std::fs::read_to_string(project.path(&file)).unwrap().contains(port) {
            project.edit(&file, &format!("127.0.0.1:{port}"), address);
        }
    }
    project
}

/// What a flow that must fail says.
fn told(project: &Project, flow: &str) -> String {
    let output = project.run(flow);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn spyne_tells_its_dossiers_its_changes_and_its_faults() {
    let Some(spyne) = Peer::start("spyne", &[]) else { return };
    let project = project("3110", &spyne.address);
    let counts = |flow: &str| project.run_to(flow, 0)["counts"].clone();
    assert_eq!(counts("silo/dossiers")["received"], 1500);
    // from the last change (01:00) minus five minutes: the six dossiers from 00:55 on, all known
    let again = counts("silo/dossiers");
    assert_eq!((&again["received"], &again["applied"]), (&6.into(), &0.into()), "{again}");
    // each by its own, from 00:01 on
    assert_eq!(counts("silo/detailed")["received"], 60);

    // a number nobody has is the affair of its record: held with the fault, and the others go on
    assert_eq!(project.run_to("silo/unknown", 5)["refused"]["E343"]["count"], 3);
    let held = project.guichet(&["quarantine", "ls", "--json"]).output().unwrap().stdout;
    let held = String::from_utf8_lossy(&held);
    assert!(held.contains("Client.DossierInconnu: Dossier XPC0750149"), "{held}");
    let rule = "retry = { times = 0 }\nfaults = [{ code = \"Client.DossierInconnu\", means = \"empty\" }]";
    project.edit("config/sources/silo.toml", "timeouts = { read = \"20s\" }", rule);
    assert_eq!(counts("silo/unknown")["received"], 0);
    // spyne checks types: a time it cannot read is a fault of the request
    project.edit("config/sources/silo.toml", "2024-01-02T00:58:00Z", "yesterday");
    let said = told(&project, "silo/unknown");
    assert!(said.contains("E343") && said.contains("Client.SchemaValidationError"), "{said}");

    let hub = Hub::start(&project);
    let cases = hub.cases("&source=silo");
    assert_eq!(cases.len(), 1500);
    let of = |code: &str| cases.iter().filter(|case| case["status"]["source_status"]["code"] == code).count();
    assert_eq!(["DEPOSE", "INSTRUCTION", "ACCORDE", "REFUSE"].map(of), [375; 4]);
}

/// The head of a case: the code of its source, and when it took effect.
fn head(hub: &Hub, source: &str, key: &str) -> (String, String) {
    let history =
        hub.histories(&format!("&source={source}")).remove(key).unwrap_or_else(|| panic!("{source} has no {key}"));
    let last = history.entries.iter().filter(|(_, code)| *code == history.head).max().unwrap().0.clone();
    (history.head, last)
}

#[test]
fn recorded_answers_give_the_status_the_city_expected() {
    let Some(files) = real_input(&format!("{C2}/integration-test/resources/CaseStatusIT/__files")) else { return };
    let tests = "test1_GetEcosStatusByExternalCaseId,test2_GetByggrStatusByExternalCaseId,test5_getStatusesByPartyId";
    let Some(city) = Peer::start("replay", &[&files, Path::new(tests)]) else { return };
    let Some(other) = Peer::start("replay", &[&files, Path::new("test7_getStatusesByPartyId")]) else { return };
    let project = project("3111", &city.address);
    for flow in ["ecos/case", "byggr/case", "casedata/errands"] {
        let summary = project.run_to(flow, 0);
        assert_eq!(
            (&summary["counts"]["received"], &summary["counts"]["quarantined"]),
            (&1.into(), &0.into()),
            "{flow}: {summary}"
        );
    }
    project.edit("config/sources/byggr.toml", &city.address, &other.address);
    assert_eq!(project.run_to("byggr/related", 0)["counts"]["quarantined"], 0);

    let hub = Hub::start(&project);
    let said = |source, key| {
        let (code, at) = head(&hub, source, key);
        (code, at.parse::<jiff::Timestamp>().unwrap().to_string())
    };
    let is = |code: &str, at: &str| (code.to_owned(), at.parse::<jiff::Timestamp>().unwrap().to_string());
    // seven digits behind the second are more than the hub keeps, and nothing to stumble over
    let (code, at) = said("ecos", "MK-2021-837");
    assert_eq!(code, "Begäran om anstånd");
    assert!(at.starts_with("2021-09-08T11:21:49.73666"), "{at}");
    // from the event, not from `<status>` ("Pågående")
    assert_eq!(said("byggr", "BYGG 2021-000200"), is("ANSÖKAN", "2021-10-12T00:00:00+02:00"));
    assert_eq!(said("byggr", "BYGG 2022-000003"), is("ANSÖKAN", "2022-03-21T11:10:00+01:00"));
    assert_eq!(said("casedata", "PRH-2022-000016"), is("Väntar på komplettering", "2022-12-14T09:43:52.538759+01:00"));
}

#[test]
fn node_soap_on_the_wsdl_of_byggr_is_understood() {
    let Some(wsdl) = real_input(&format!("{C2}/main/resources/integrations/soap/arendeexport/ArendeExportWS.wsdl"))
    else {
        return;
    };
    let Some(node) = Peer::start("node-soap", &[&wsdl]) else { return };
    let project = project("3112", &node.address);
    assert_eq!(project.run_to("node/known", 0)["counts"]["received"], 1);
    // `Server` may pass: it is tried again, until somebody says what it means
    let said = told(&project, "node/unknown");
    assert!(said.contains("E342") && said.contains("Server: Arende not found nobody"), "{said}");
    let rule = "retry = { times = 0 }\nfaults = [{ text = \"Arende not found\", means = \"empty\" }]";
    project.edit("config/sources/node.toml", "retry = { times = 0 }", rule);
    assert_eq!(project.run_to("node/unknown", 0)["counts"]["received"], 0);
    let hub = Hub::start(&project);
    assert_eq!(hub.histories("&source=node")["BYGG 2024-000007"].head, "Avslutat");
}

/// Opens an office that gives recorded answers.
fn office() -> (tokio::runtime::Runtime, SoapOffice) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let office = runtime.block_on(SoapOffice::open()).unwrap();
    (runtime, office)
}

fn say(office: &SoapOffice, status: u16, body: String) {
    office.desk().mood = SoapMood::Saying(status, "text/xml; charset=utf-8", body);
}

#[test]
fn dutch_registers_say_nothing_errors_and_half_a_date() {
    let Some(folder) = real_input(STUF) else { return };
    let (_runtime, office) = office();
    let project = project("3113", &office.address().to_string());
    let answer = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    // 5: something is held back
    let counts = |exit| project.run_to("answers/stuf", exit)["counts"].clone();

    for nobody in ["StufBgNoObjectResponse.xml", "StufBgNotFoundResponse.xml"] {
        say(&office, 200, answer(nobody));
        assert_eq!(counts(0)["received"], 0, "{nobody}");
    }
    say(&office, 500, answer("StufBgErrorResponse.xml"));
    let said = told(&project, "answers/stuf");
    assert!(said.contains("E342") && said.contains("Server: Policy Falsified"), "{said}");
    say(&office, 200, answer("StufBgResponseOnvolledigeDatum.xml"));
    assert_eq!(counts(0)["received"], 1);
    // an object that holds nothing is nobody's
    say(&office, 200, answer("StufBgNoAnswerResponse.xml"));
    assert_eq!(counts(5)["quarantined"], 1);

    let hub = Hub::start(&project);
    let person = hub.cases("&source=answers").remove(0);
    let (_, whole) = hub.get(&format!("/v1/cases/{}", person["id"].as_str().unwrap()));
    let shown = whole.to_string();
    assert!(shown.contains("\"1960\"") && !shown.contains("1960-07"), "half a date became a whole one: {shown}");
    assert!(shown.contains("2005-12-16"), "{shown}");
}

/// A message as it stands in its file, in an envelope; the body begins on a line of its own.
fn enveloped(body: &str) -> String {
    let space = "http://schemas.xmlsoap.org/soap/envelope/";
    format!("<soap:Envelope xmlns:soap=\"{space}\"><soap:Body>\n{body}</soap:Body></soap:Envelope>")
}

#[test]
fn dutch_cases_are_known_by_their_namespace() {
    let Some(message) = real_input(ZAAK) else { return };
    let (_runtime, office) = office();
    let project = project("3113", &office.address().to_string());
    // the default namespace is theirs; their own prefixes are not those of the mapping
    say(&office, 200, enveloped(&std::fs::read_to_string(message).unwrap()));
    assert_eq!(project.run_to("answers/zaken", 0)["counts"]["applied"], 2);
    let hub = Hub::start(&project);
    let keys: Vec<_> = hub.histories("&source=answers").into_keys().collect();
    assert_eq!(keys, ["Was", "Wordt"]);
}

#[test]
fn undeclared_prefixes_of_bartec_are_told_where_they_stand() {
    let Some(folder) = real_input(BARTEC) else { return };
    let (_runtime, office) = office();
    let project = project("3113", &office.address().to_string());
    let answer = |name: &str| enveloped(&std::fs::read_to_string(folder.join(name)).unwrap());
    say(&office, 200, answer("servicerequests_get_SR6.xml"));
    let good = project.run_to("answers/bartec", 0)["counts"].clone();
    assert_eq!((&good["received"], &good["quarantined"]), (&1.into(), &0.into()), "{good}");

    say(&office, 200, answer("servicerequests_get_SR4.xml"));
    let bad = project.run_to("answers/bartec", 5)["counts"].clone();
    assert_eq!((&bad["received"], &bad["quarantined"]), (&1.into(), &1.into()), "{bad}");
    let listed = project.guichet(&["quarantine", "ls", "--json"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // line 46 of the file, one line further down in its envelope
    assert!(listed.contains("E124") && listed.contains("xsi") && listed.contains("47"), "{listed}");

    say(&office, 200, answer("servicerequest_create_error.xml"));
    let said = told(&project, "answers/bartec");
    assert!(said.contains("E345") && said.contains("Specified UPRN does not exist"), "{said}");
}
