//! Pulls over SOAP: from a simulated office on a thread of its own into the store, against a bare program that sends the
//! same requests and throws the bodies away. `pull` says why the office thinks.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use guichet_testkit::SoapOffice;

use crate::data::{self, Kind};
use crate::project::Project;
use crate::pull::{PAGE, told};
use crate::size;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Records per second, ingest included.
pub fn bench(name: &str, thinks: Duration) {
    let cases = size("GUICHET_BENCH_PULL", 50_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let office = runtime.block_on(SoapOffice::open()).unwrap();
    office.desk().thinks = thinks;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases");
    data::write(Kind::Xml, &file, 0, cases, 0);
    let text = std::fs::read_to_string(file).unwrap();
    let dossiers = text.lines().filter(|line| line.starts_with("<d:dossier>"));
    let declared = |line: &str| line.replacen("<d:dossier>", "<d:dossier xmlns:d=\"urn:bench:dossiers\">", 1);
    office.desk().cases.extend(dossiers.map(|line| declared(line).into_bytes()));
    assert_eq!(office.desk().cases.len() as u64, cases);

    let (ours, _) = project(office.address()).run_flow("pull-soap/cases");
    let asked = office.desk().requests;
    let bare = bare(office.address(), cases);
    assert_eq!(office.desk().requests, 2 * asked, "both ask the same");
    told(name, cases, (ours, bare), thinks);
}

/// A project with a SOAP flow.
fn project(address: SocketAddr) -> Project {
    let project = Project::new();
    let source = format!(
        "[source]\nconnector = \"soap\"\ntitle = {{ en = \"Pull\" }}\n[source.settings]\nurl = \"http://{address}/cases\"\n\
         [flows.cases]\nmapping = \"bench/xml\"\nschedule = {{ every = \"1h\" }}\norder = \"version\"\n\
         freshness = {{ max_age = \"2h\" }}\n[flows.cases.settings]\naction = \"urn:office/ListCases\"\n\
         body = '{}'\npage = {{ by = \"offset\", size = {PAGE}, more = \"ListCasesResponse/more\" }}\n",
        request("{offset}", "{size}")
    );
    std::fs::write(project.folder.path().join("config/sources/pull-soap.toml"), source).unwrap();
    project
}

fn request(offset: &str, size: &str) -> String {
    format!("<q:ListCases xmlns:q=\"urn:office\"><q:offset>{offset}</q:offset><q:size>{size}</q:size></q:ListCases>")
}

/// The same requests, one after the other over one connection, their bodies thrown away.
fn bare(address: SocketAddr, cases: u64) -> Duration {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let started = Instant::now();
        for offset in (0..cases).step_by(PAGE as usize) {
            let inside = request(&offset.to_string(), &PAGE.to_string());
            let body = format!("<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body>{inside}</s:Body></s:Envelope>");
            let asked = client.post(format!("http://{address}/cases")).header("content-type", "text/xml").body(body);
            let mut answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            while answer.chunk().await.unwrap().is_some() {}
        }
        started.elapsed()
    })
}
