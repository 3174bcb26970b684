//! The reference page is that of the code. `BLESS=1 cargo test --test mapping reference` writes it anew.

use guichet::mapping::reference::page;

use crate::goldens::root;

#[test]
fn the_reference_page_is_that_of_the_code() {
    let file = root().join("mappings/REFERENCE.md");
    if std::env::var_os("BLESS").is_some() && std::env::var_os("CI").is_none() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page(), "not what the code says; run `BLESS=1 cargo test --test mapping reference`");
}
