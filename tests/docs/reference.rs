//! `docs/api.md`, made from the CRD.

use std::fmt::Write;

use imageshare::api::{self, ConditionType};
use serde_json::{Map, Value};

const PAGE: &str = "docs/api.md";

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "`\"\"`".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// A field, by its path below `spec` or `status`.
struct Field<'a> {
    path: String,
    schema: &'a Value,
    is_required: bool,
}

/// The fields of an object's schema in the order of the alphabet, each before those below it.
fn fields<'a>(prefix: &str, schema: &'a Value, found: &mut Vec<Field<'a>>) {
    let properties = schema["properties"].as_object();
    for (name, below) in properties.into_iter().flat_map(Map::iter) {
        let path = format!("{prefix}{name}");
        let is_required = items(schema, "required").any(|required| required == name);
        found.push(Field { path: path.clone(), schema: below, is_required });
        fields(&format!("{path}."), below, found);
        fields(&format!("{path}[]."), &below["items"], found);
    }
}

/// `string`, `[]object`, `integer (int64)`.
fn kind(schema: &Value) -> String {
    let format = text(schema, "format");
    match text(schema, "type") {
        "array" => format!("[]{}", kind(&schema["items"])),
        kind if format.is_empty() => kind.to_owned(),
        kind => format!("{kind} ({format})"),
    }
}

/// All that the API server checks of a field; `of_parent` are rules of the parent that speak of it.
fn rules(field: &Field, of_parent: &[&Value]) -> String {
    let (schema, mut rules) = (field.schema, vec![]);
    if field.is_required {
        rules.push("required".to_owned());
    }
    let values: Vec<_> = items(schema, "enum").map(code).collect();
    if !values.is_empty() {
        rules.push(format!("one of {}", values.join(", ")));
    }
    let bound = |name: &str| schema[name].as_u64();
    rules.extend(match (bound("minLength"), bound("maxLength")) {
        (Some(least), Some(most)) => Some(format!("{least} to {most} characters")),
        (None, Some(most)) => Some(format!("at most {most} characters")),
        (Some(least), None) => Some(format!("at least {least} characters")),
        (None, None) => None,
    });
    rules.extend(bound("maxItems").map(|most| format!("at most {most} items")));
    rules.extend(
        items(schema, "x-kubernetes-list-map-keys")
            .map(|key| format!("one for each {}", code(key))),
    );
    let messages = items(schema, "x-kubernetes-validations").chain(of_parent.iter().copied());
    for message in messages.map(|rule| text(rule, "message")) {
        let is_fixed = message.contains("cannot be changed");
        rules.push(if is_fixed { "**immutable**".to_owned() } else { message.to_owned() });
    }
    rules.join("; ")
}

fn table(page: &mut String, schema: &Value, defaults: &Value) {
    let mut found = vec![];
    fields("", schema, &mut found);
    page.push_str("| field | type | default | rules | meaning |\n|---|---|---|---|---|\n");
    for field in &found {
        let own = format!(".{}", field.path);
        let of_parent: Vec<_> = items(schema, "x-kubernetes-validations")
            .filter(|rule| text(rule, "fieldPath") == own)
            .collect();
        let default = field.schema.get("default").or_else(|| defaults.get(&field.path));
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            field.path,
            kind(field.schema),
            default.map(code).unwrap_or_default(),
            cell(&rules(field, &of_parent)),
            cell(&shortened(text(field.schema, "description"))),
        )
        .unwrap();
    }
}

/// Kubernetes' own words on conditions go on, after two spaces, about what everybody knows.
fn shortened(description: &str) -> String {
    match description.split_once(".  ") {
        Some((first, _)) => format!("{first}."),
        None => description.to_owned(),
    }
}

fn meaning(condition: ConditionType) -> &'static str {
    match condition {
        ConditionType::Ready => {
            "SWR holds the share as this generation of the spec declares it: SWR said so. Always present, but for an \
             object that was suspended from the start"
        }
        ConditionType::Error => "the last attempt failed. Present as `Ready` is",
        ConditionType::Reconciling => {
            "the operator is still at it, or what heals a refusal may be under way (kstatus). Present while True"
        }
        ConditionType::Stalled => "a person must change something (kstatus). Present while True",
        ConditionType::Expired => "the deadline has passed. Present while True",
        ConditionType::ExpiringSoon => {
            "the share ends within `--expiring-soon`. Present while True"
        }
        ConditionType::Suspended => {
            "`spec.suspend` is set: the other conditions stay as they were, each with the generation that it speaks \
             of. Present while True"
        }
    }
}

const ANNOTATIONS: [(&str, &str, &str); 4] = [
    (
        api::RECONCILE_REQUESTED_AT,
        "an `ImageShare`, by whoever wants it looked at",
        "each new value leads to a pass, with a look at SWR",
    ),
    (
        api::CREDENTIALS,
        "a namespace, by who manages it",
        "the Secret of its objects that name no credentials",
    ),
    (
        api::CREATE_INTENT,
        "an `ImageShare`, by the operator",
        "the uid of the object that is about to create its share: a backup restores the annotation, but not the uid",
    ),
    (
        api::FINALIZER,
        "an `ImageShare`, by the operator, as a finalizer",
        "a share of it may exist: the object stays until that is revoked",
    ),
];

/// The page, from the CRD and the names in the code.
fn page() -> String {
    let crd = serde_json::to_value(api::crd()).unwrap();
    let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
    let version = &spec["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let list = |field: &str| items(names, field).map(code).collect::<Vec<_>>().join(", ");
    let mut page = format!(
        "# API reference\n\n<!-- Made by `make manifests` from the CRD. Do not edit. -->\n\n\
         {} `kubectl explain imageshare.spec` tells the same. The API server refuses bad values by itself, without a \
         webhook. What the operator does with an object is in [How an ImageShare behaves](behaviour.md).\n\n\
         | | |\n|---|---|\n\
         | `apiVersion` | `{}/{}` |\n| `kind` | `{}` |\n| scope | {} |\n| short name | {} |\n| category | {} |\n\n",
        text(schema, "description"),
        text(spec, "group"),
        text(version, "name"),
        text(names, "kind"),
        text(spec, "scope"),
        list("shortNames"),
        list("categories"),
    );

    page += "## Spec\n\nAn **immutable** field cannot be changed: delete the `ImageShare`, and create another.\n\n";
    table(&mut page, &schema["properties"]["spec"], &Value::Null);
    let status = &schema["properties"]["status"];
    writeln!(page, "\n## Status\n\n{}\n", text(status, "description")).unwrap();
    table(&mut page, status, &Value::Null);
    let first = &status["default"]["conditions"][0];
    writeln!(
        page,
        "\nUntil an operator has looked, the API server itself says: `{}` is {}, with the reason `{}`.",
        text(first, "type"),
        text(first, "status"),
        text(first, "reason"),
    )
    .unwrap();

    page += "\n## Conditions\n\nTheir reasons are in [Troubleshooting](troubleshooting.md#reasons).\n\n";
    page += "| condition | meaning |\n|---|---|\n";
    for condition in ConditionType::ALL {
        writeln!(page, "| `{}` | {} |", condition.as_str(), meaning(*condition)).unwrap();
    }

    page += "\n## Columns\n\nOf `kubectl get imageshares`.\n\n| column | from | meaning |\n|---|---|---|\n";
    for column in items(version, "additionalPrinterColumns") {
        let wide = if column["priority"].as_u64() > Some(0) { " (with `-o wide`)" } else { "" };
        let meaning = cell(text(column, "description"));
        let path = cell(text(column, "jsonPath"));
        writeln!(page, "| {}{wide} | `{path}` | {meaning} |", text(column, "name")).unwrap();
    }

    page += "\n## Annotations and finalizer\n\nThose of a ServiceAccount are in \
             [Credentials](credentials.md#serviceaccount).\n\n| name | on | meaning |\n|---|---|---|\n";
    for (name, on, meaning) in ANNOTATIONS {
        writeln!(page, "| `{name}` | {on} | {meaning} |").unwrap();
    }
    page
}

#[test]
fn the_reference_says_what_the_crd_says() {
    let shipped = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(shipped, page(), "run `make manifests`");
}

#[test]
fn the_reference_has_every_field_of_the_spec_and_of_the_status() {
    let page = page();
    let crd = serde_json::to_value(api::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    for part in ["spec", "status"] {
        let fields = schema[part]["properties"].as_object().unwrap();
        assert!(fields.len() >= 3, "{part} has lost its fields");
        for field in fields.keys() {
            assert!(page.contains(&format!("\n| `{field}` | ")), "{part}.{field} is missing");
        }
    }
    for field in ["region", "organization", "repository", "account"] {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap();
        assert!(row.contains("**immutable**"), "{row}");
    }
}

/// `make manifests` runs this.
#[test]
#[ignore = "writes docs/api.md"]
fn write_the_reference() {
    std::fs::write(PAGE, page()).unwrap();
}
