//! zeep and node-soap send notifications to us, built from the WSDL we publish: over both versions of SOAP, with HTTP basic
//! and with WS-Security digests.

use std::process::Command;

use crate::skip;
use crate::support::hub::Hub;
use crate::support::project::{Project, client};
use crate::support::{copy_folder, root};

const KEY: &str = "key-of-the-works-department";
const PASSWORD: &str = "password-of-the-desk";
/// Orders each run of a sender tells of.
const ORDERS: u32 = 20;

fn script() -> Command {
    Command::new(root().join("tests/counterparts/senders.sh"))
}

#[test]
fn soap_clients_send_what_our_wsdl_says() {
    let installed = script().arg("install").output().unwrap();
    if !installed.status.success() {
        let said = String::from_utf8_lossy(&installed.stderr).into_owned();
        skip(&format!("zeep and node-soap cannot be installed: {}", said.lines().last().unwrap_or("no reason given")));
        return;
    }
    let project = Project::new();
    let files = root().join("tests/push/project");
    copy_folder(&files.join("config"), &project.path("config"));
    copy_folder(&files.join("mappings"), &project.path("mappings"));
    project.write("secrets/desk", PASSWORD);
    let hub = std::fs::read_to_string(project.path("config/guichet.toml")).unwrap();
    let works = client("works", KEY, "push = [\"notices/*\"]");
    project.write("config/guichet.toml", &(hub + &works));
    let hub = Hub::start(&project);

    let mut first = 1;
    for sender in ["zeep", "node"] {
        for version in ["1.1", "1.2"] {
            for (flow, kind, name, secret) in
                [("status", "basic", "works", KEY), ("secured", "digest", "desk", PASSWORD)]
            {
                let mut command = script();
                let (url, first_word) = (hub.url(&format!("/v1/inbound/notices/{flow}")), first.to_string());
                command.args([sender, &url, kind, name, secret, version, &first_word, &ORDERS.to_string()]);
                let ended = command.output().unwrap();
                let said =
                    String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
                assert!(ended.status.success(), "{sender} {version} {kind}: {said}");
                assert!(kind == "basic" || !said.trim().is_empty(), "a guess was refused with a fault: {said}");
                first += ORDERS;
            }
        }
    }
    let cases = hub.histories("&source=notices");
    assert_eq!(cases.len(), first as usize - 1);
    for (number, case) in &cases {
        assert_eq!((case.head.as_str(), case.entries.len()), ("DONE", 2), "{number}: {case:?}");
    }
}
