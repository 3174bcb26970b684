//! The page of the connector says what the code does. (Its example is run by `tests/pages` of the hub.)

#![allow(clippy::unwrap_used)]

use std::path::Path;

use guichet_files::FilesKind;
use guichet_sdk::ConnectorKind;

#[test]
fn the_table_of_settings_is_that_of_the_schema() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    guichet_testkit::table::pin(&page, &FilesKind.schema()).unwrap();
}
