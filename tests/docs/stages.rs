//! What a reader has done before a section, which the section itself does not say, and what it leads to.

/// The cluster that a section begins on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster {
    /// One that has nothing of ours.
    Fresh,
    /// The one of the section before.
    Same,
}

pub struct Stage {
    pub page: &'static str,
    pub heading: &'static str,
    pub cluster: Cluster,
    pub before: &'static [&'static str],
    /// How many shares SWR holds at the section's end.
    pub shares: Option<usize>,
}

const INSTALLED: &[&str] = &["kubectl apply -f crds/imageshares.yaml -f deploy/install.yaml"];
const INSTALLED_WITH_A_NAMESPACE: &[&str] = &[INSTALLED[0], "kubectl create namespace platform"];
const INSTALLED_BY_HELM: &[&str] =
    &["helm install imageshare-operator deploy/chart -n imageshare-system --create-namespace"];
const SHARED: &[&str] = &[
    INSTALLED[0],
    "kubectl create namespace platform",
    "kubectl apply -f deploy/samples",
    "kubectl wait --for=condition=Ready imageshare/busybox-for-demo -n platform --timeout=1m",
];
const SHARED_BY_HELM: &[&str] = &[INSTALLED_BY_HELM[0], SHARED[1], SHARED[2], SHARED[3]];
/// The credentials of the section before share the sample, and make room for the next ones.
const THEY_WORK: &[&str] = &[
    "kubectl apply -f deploy/samples/imageshare.yaml",
    SHARED[3],
    "kubectl delete imageshare busybox-for-demo -n platform",
    "kubectl delete secret swr -n platform",
];
/// An object that is being deleted, and no operator.
const LEFT_ALONE: &[&str] = &[
    SHARED[0],
    SHARED[2],
    SHARED[3],
    "kubectl delete deployment imageshare-operator -n imageshare-system",
    "kubectl delete imageshare busybox-for-demo -n platform --wait=false",
];

const INSTALL: &str = "docs/install.md";

pub const STAGES: &[Stage] = &[
    fresh("README.md", "In a cluster, with Helm", &[], None),
    fresh("README.md", "Or with kubectl", &[], None),
    same("README.md", "The first share", &[], Some(1)),
    fresh("deploy/chart/README.md", "The chart of imageshare-operator", &[], None),
    fresh(INSTALL, "With Helm", &[], None),
    fresh(INSTALL, "With kubectl", &[], None),
    fresh(INSTALL, "With Kustomize", &[], None),
    same(INSTALL, "After the installation", &[], Some(1)),
    fresh(INSTALL, "Some namespaces, with Helm", &[], None),
    fresh(INSTALL, "Some namespaces, with kubectl", &[], None),
    fresh(INSTALL, "Rights", INSTALLED_WITH_A_NAMESPACE, None),
    fresh(INSTALL, "Upgrade with Helm", INSTALLED_BY_HELM, None),
    fresh(INSTALL, "Keep the shares, with kubectl", SHARED, Some(1)),
    fresh(INSTALL, "Keep the shares, with Helm", SHARED_BY_HELM, Some(1)),
    fresh(INSTALL, "Revoke the shares", SHARED, Some(0)),
    same(INSTALL, "Where the operator went first", LEFT_ALONE, Some(1)),
    fresh("docs/behaviour.md", "How an ImageShare behaves", SHARED, Some(1)),
    same("docs/behaviour.md", "Deletion", &[], Some(1)),
    fresh("docs/credentials.md", "Credentials", INSTALLED_WITH_A_NAMESPACE, None),
    same("docs/credentials.md", "Password", THEY_WORK, None),
    same("docs/credentials.md", "Token", THEY_WORK, None),
    same("docs/credentials.md", "ServiceAccount", THEY_WORK, None),
    fresh("docs/operations.md", "Operations", INSTALLED, None),
    fresh("docs/troubleshooting.md", "Troubleshooting", SHARED, Some(1)),
];

const fn fresh(
    page: &'static str,
    heading: &'static str,
    before: &'static [&'static str],
    shares: Option<usize>,
) -> Stage {
    Stage { page, heading, cluster: Cluster::Fresh, before, shares }
}

const fn same(
    page: &'static str,
    heading: &'static str,
    before: &'static [&'static str],
    shares: Option<usize>,
) -> Stage {
    Stage { page, heading, cluster: Cluster::Same, before, shares }
}
