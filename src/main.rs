//! scaffold
fn main() {
    println!(
        "{}",
        serde_json::to_string_pretty(&imageshare::api::crd()).unwrap_or_default()
    );
}
