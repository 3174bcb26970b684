//! The settings of a flow that asks over REST, as an integrator writes them. Pure.

use std::collections::BTreeMap;

use guichet_http::Settings as Http;
use guichet_http::list::{Since, Template};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::command::CommandSettings;

/// Settings of a flow that asks a REST interface for lists of records.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("additionalProperties" = false))]
pub struct Settings {
    /// Required. Address of the interface: `https://permits.example.org/api`.
    #[schemars(required)]
    pub base_url: Option<String>,
    /// Required. Path of the list, below `base_url`: `/issues.json`.
    #[schemars(required)]
    pub path: Option<String>,
    /// Query parameters. One whose binding has no value yet (`{since}` in a first pull) is left out.
    pub query: BTreeMap<String, Template>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// `get` when not written, or `post` for search interfaces; both only read.
    pub method: Method,
    /// JSON body of a `post`, with bindings in its texts.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub body: Option<Map<String, Value>>,
    /// How the list is paged; not at all when not written.
    #[schemars(with = "Option<Paging>")]
    pub page: Option<Paging>,
    /// Each item of the list is only a pointer: its record is asked for by its id.
    #[schemars(with = "Option<Detail>")]
    pub detail: Option<Detail>,
    /// Asks only for what changed since the pull before; everything, each time, when not written.
    #[schemars(with = "Option<Since>")]
    pub since: Option<Since>,
    /// Asks with `If-None-Match` or `If-Modified-Since` where the peer gave an `ETag` or `Last-Modified`, and the whole
    /// list is one page; true when not written.
    pub conditional: bool,
    /// How commands are sent, by verb (`submit`); none when not written.
    pub commands: BTreeMap<String, CommandSettings>,
    /// How the peer is talked to.
    #[serde(flatten)]
    pub http: Http,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            base_url: None,
            path: None,
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            method: Method::Get,
            body: None,
            page: None,
            detail: None,
            since: None,
            conditional: true,
            commands: BTreeMap::new(),
            http: Http::default(),
        }
    }
}

/// How the list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// GET.
    Get,
    /// POST, for interfaces that search by body.
    Post,
}

/// How a list is paged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// By number: `{page}`, until a page is empty or `total` is reached.
    Page {
        /// Number of the first page; 1 when not written.
        #[serde(default = "one")]
        first: u64,
        /// Records of a page: `{size}`.
        #[serde(default)]
        size: Option<u64>,
        /// Path of the number of records there are.
        #[serde(default)]
        total: Option<String>,
        /// Path of a value that says whether there is another page (`true`, `1`, `yes`); it decides alone.
        #[serde(default)]
        more: Option<String>,
    },
    /// By the number of records to pass over: `{offset}`, until a page is empty or `total` is reached.
    Offset {
        /// Records of a page: `{size}`.
        #[serde(default)]
        size: Option<u64>,
        /// Path of the number of records there are.
        #[serde(default)]
        total: Option<String>,
        /// Path of a value that says whether there is another page (`true`, `1`, `yes`); it decides alone.
        #[serde(default)]
        more: Option<String>,
    },
    /// By what the page before gave: `{cursor}`, until it gives nothing.
    Cursor {
        /// Path of the cursor of the next page.
        path: String,
    },
    /// By an address in the page before.
    NextUrl {
        /// Path of the address of the next page.
        path: String,
    },
    /// By the `Link` header with `rel="next"`.
    Link,
}

fn one() -> u64 {
    1
}

/// How the record of a list item is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detail {
    /// Required. Path with the id: `/issues/{id}.json`.
    pub path: String,
    /// Query parameters.
    pub query: BTreeMap<String, Template>,
    /// Path of the id in a list item; `id` when not written.
    pub id: String,
    /// Where the record stands in the answer: a path (JSON; the whole answer when empty) or an element (XML; the
    /// record element of the mapping when not written).
    #[schemars(with = "Option<String>")]
    pub record: Option<String>,
    /// Details asked for at once; 4 when not written.
    pub concurrency: usize,
}

impl Default for Detail {
    fn default() -> Self {
        Detail { path: String::new(), query: BTreeMap::new(), id: "id".to_owned(), record: None, concurrency: 4 }
    }
}
