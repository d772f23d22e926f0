//! The routes of the OpenAPI document, and the statuses that each may answer.

use serde_json::Value;

pub struct Route {
    pub method: String,
    /// With the path of the server before it.
    pub path: String,
    /// The names of its query parameters.
    pub parameters: Vec<String>,
    /// The names of the fields of its body.
    pub fields: Vec<String>,
    pub takes_csv: bool,
    statuses: Vec<u16>,
}

impl Route {
    /// All routes of a document.
    pub fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("paths");
        let mut routes = Vec::new();
        for (path, item) in paths {
            let server = item["servers"][0]["url"].as_str().unwrap_or("/api/v1");
            let path = format!("{}{path}", server.trim_end_matches('/'));
            for (method, operation) in item.as_object().expect("operations") {
                if operation["responses"].is_object() {
                    routes.push(Self::of(document, &path, method, operation));
                }
            }
        }
        routes
    }

    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let bodies = &operation["requestBody"]["content"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| parameter["in"] == "query");
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters: parameters.map(|parameter| text(&parameter["name"])).collect(),
            fields: fields(document, &bodies["application/json"]["schema"]),
            takes_csv: bodies["text/csv"].is_object(),
            statuses: operation["responses"]
                .as_object()
                .expect("responses")
                .keys()
                .map(|status| status.parse().expect("a status"))
                .collect(),
        }
    }

    /// Whether its answers may have the status. An internal error is documented, too, but nothing that
    /// a client sends may lead to one.
    pub fn may_answer(&self, status: u16) -> bool {
        status != 500 && self.statuses.contains(&status)
    }

    /// The route that a request reaches. A fixed path goes before one with a name in it.
    pub fn find<'r>(routes: &'r [Self], method: &str, target: &str) -> Option<&'r Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        let path = target.split('?').next().unwrap_or_default();
        let matches = routes.iter().filter(|route| route.method == method && route.matches(path));
        matches.min_by_key(|route| route.path.matches('{').count())
    }

    fn matches(&self, path: &str) -> bool {
        let (mut own, mut others) = (self.path.split('/'), path.split('/'));
        loop {
            match (own.next(), others.next()) {
                (None, None) => return true,
                (Some(own), Some(other)) if own == other => {}
                (Some(own), Some(other)) if own.starts_with('{') && !other.is_empty() => {}
                _ => return false,
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The names of the fields of a schema.
fn fields(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        return fields(document, schema);
    }
    let of_parts = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|of| schema[of].as_array());
    let of_parts = of_parts.flatten().flat_map(|part| fields(document, part));
    let own = schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys());
    own.cloned().chain(of_parts).collect()
}
