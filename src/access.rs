//! Who may call SWR, and where it lives: credentials from a Secret's data to a request header, and
//! the endpoint of each region. Knows neither Kubernetes nor the sharing API.

pub mod credentials;
pub mod endpoint;
