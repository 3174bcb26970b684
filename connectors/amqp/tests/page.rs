//! The page of the connector says what the code does.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use guichet_amqp::AmqpKind;
use guichet_sdk::ConnectorKind;

#[test]
fn the_table_of_settings_is_that_of_the_schema() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    guichet_testkit::table::pin(&page, &AmqpKind.schema()).unwrap();
}
