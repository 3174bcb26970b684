//! Every error code has its page, every page its code, every command its line in the README; pages say what exists.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use guichet_sdk::codes::PAGES;

use crate::sources::{files, root, shown, sources};

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let used: BTreeSet<String> = sources().iter().flat_map(|source| codes(&source.shipped())).collect();
    let paged: BTreeSet<String> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
    let bare: Vec<_> = used.difference(&paged).collect();
    let idle: Vec<_> = paged.difference(&used).collect();
    assert!(bare.is_empty(), "codes without a page in connectors/sdk/codes: {bare:?}");
    assert!(idle.is_empty(), "pages of codes nobody uses: {idle:?}");
}

#[test]
fn a_code_has_one_meaning() {
    let mut seen = BTreeSet::new();
    for source in sources() {
        let constants: Vec<_> =
            source.shipped().lines().filter(|line| line.contains("const ")).flat_map(codes).collect();
        for code in constants {
            assert!(seen.insert(code.clone()), "{code} is declared twice, the second time in {}", source.path);
        }
    }
}

#[test]
fn pages_are_sorted_and_say_what_to_do() {
    assert!(PAGES.is_sorted_by_key(|(code, _)| code), "the list of codes.rs is not sorted");
    for (code, page) in PAGES {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}: the title is `# {code}: what it means`");
        assert!(page.contains("**What to do**"), "{code}: the page does not say what to do");
    }
    let files = fs::read_dir(root().join("connectors/sdk/codes")).unwrap().count();
    assert_eq!(files, PAGES.len(), "a page is not in the list of codes.rs");
}

#[test]
fn the_readme_names_every_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_guichet")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<_> = commands.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(!verbs.is_empty() || !root().join("src/cli").exists(), "no commands in the help: {help}");
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let absent: Vec<_> =
        verbs.iter().filter(|verb| **verb != "help" && !readme.contains(&format!("guichet {verb}"))).collect();
    assert!(absent.is_empty(), "README.md does not show: {absent:?}");
}

#[test]
fn links_of_pages_lead_somewhere() {
    let pages = files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    let mut wrong = Vec::new();
    for page in pages {
        let prose: String = fs::read_to_string(&page).unwrap().split("```").step_by(2).collect();
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let target = link.split('#').next().unwrap();
            if !page.parent().unwrap().join(target).exists() {
                wrong.push(format!("{}: `{link}` is not there", shown(&page)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_on_connectors_says_what_exists() {
    let page = fs::read_to_string(root().join("connectors/README.md")).unwrap();
    for folder in fs::read_dir(root().join("connectors")).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = folder.file_name().into_string().unwrap();
        assert!(page.contains(&format!("]({name}")), "connectors/README.md does not lead to `{name}`");
    }
    for kind in guichet::app::registry().0.keys() {
        assert!(page.contains(&format!("| `{kind}` |")), "connectors/README.md has no line for the kind `{kind}`");
    }
    // every `Trait::method` and `Type::name` it speaks of is in the contract, the formats or the kit
    let code: String =
        sources().into_iter().filter(|source| spoken_of(&source.path)).map(|source| source.text).collect();
    let prose: String = page.split("```").step_by(2).collect();
    let words = prose.split('`').skip(1).step_by(2).filter(|word| word.contains("::"));
    let mut seen = 0;
    for (name, last) in words.filter_map(|word| word.rsplit_once("::")) {
        let name = name.rsplit("::").next().unwrap();
        let known = |word: &str| code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|other| other == word);
        assert!(known(last) && (name.starts_with("guichet") || known(name)), "`{name}::{last}` does not exist");
        seen += 1;
    }
    assert!(seen >= 8, "the contract is not told");
}

fn spoken_of(path: &str) -> bool {
    path.starts_with("connectors/sdk/src/") || path.starts_with("connectors/testkit/src/")
}

/// Codes in the text, as `Code("E042")`.
fn codes(text: &str) -> Vec<String> {
    let is_code =
        |word: &&str| word.len() == 4 && word.starts_with('E') && word[1..].bytes().all(|b| b.is_ascii_digit());
    text.split("Code(\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(is_code).map(str::to_owned).collect()
}
