//! Where Huawei Cloud and the clouds that serve the same API have their SWR, IAM and STS, by region. A
//! table, and nothing else.
//!
//! Sources: the regions of SWR in the official Python SDK (`huaweicloudsdkswr` 3.1.219, `swr_region.py`), of
//! IAM in `huaweicloudsdkcore` (its fallback table, which lacks eu-west-101), of STS in
//! `huaweicloudsdksts`; Open Telekom Cloud's "Regions and Endpoints"; Flexible Engine's documentation.

/// An API of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Repositories and their shares.
    Swr,
    /// Users and tokens.
    Iam,
    /// Agencies and temporary keys.
    Sts,
}

impl Service {
    /// The flag that says where it lives.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Swr => "--endpoint",
            Self::Iam => "--iam-endpoint",
            Self::Sts => "--sts-endpoint",
        }
    }

    fn host_prefix(self) -> &'static str {
        match self {
            Self::Swr => "swr-api",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }
}

const HUAWEI: &str = "myhuaweicloud.com";
/// Regions that live in another domain than Huawei Cloud's own.
const DOMAINS: &[(&str, &str)] = &[
    ("eu-west-101", "myhuaweicloud.eu"),
    // Open Telekom Cloud.
    ("eu-de", "otc.t-systems.com"),
    ("eu-nl", "otc.t-systems.com"),
    // Its Swiss region.
    ("eu-ch2", "sc.otc.t-systems.com"),
    // Flexible Engine of Orange. Huawei's own SDKs have it, too, at a host of their own.
    ("eu-west-0", "prod-cloud-ocb.orange-business.com"),
];

/// The regions of SWR in Huawei's own domains.
const REGIONS: &[&str] = &[
    "ae-ad-1",
    "af-north-1",
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-3",
    "cn-east-4",
    "cn-east-5",
    "cn-north-1",
    "cn-north-11",
    "cn-north-12",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-south-2",
    "cn-south-4",
    "cn-southwest-2",
    "cn-southwest-3",
    "eu-west-0",
    "eu-west-101",
    "la-north-2",
    "la-south-2",
    "me-east-1",
    "my-kualalumpur-1",
    "na-mexico-1",
    "ru-moscow-1",
    "ru-northwest-2",
    "sa-brazil-1",
    "sa-peru-1",
    "tr-west-1",
];

/// Regions that have an STS of their own.
const WITH_STS: &[&str] = &[
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "cn-east-3",
    "cn-north-4",
    "cn-south-1",
    "cn-southwest-2",
    "la-south-2",
    "sa-brazil-1",
    "tr-west-1",
];

/// The host of a service in a region, which must be a DNS label. SWR and IAM of a region that is not in the
/// table are looked for where Huawei Cloud has its own; an STS is not guessed.
pub fn host(service: Service, region: &str) -> Option<String> {
    if service == Service::Sts && !WITH_STS.contains(&region) {
        return None;
    }
    let domain = DOMAINS.iter().find(|(name, _)| *name == region).map_or(HUAWEI, |(_, host)| host);
    Some(format!("{}.{region}.{domain}", service.host_prefix()))
}

/// Every region of the table.
pub fn all() -> impl Iterator<Item = &'static str> {
    let others = DOMAINS.iter().map(|(region, _)| *region);
    REGIONS.iter().copied().chain(others.filter(|region| !REGIONS.contains(region)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_hosts() {
        for (service, region, expected) in [
            (Service::Swr, "cn-north-4", Some("swr-api.cn-north-4.myhuaweicloud.com")),
            (Service::Swr, "eu-west-101", Some("swr-api.eu-west-101.myhuaweicloud.eu")),
            (Service::Iam, "eu-west-101", Some("iam.eu-west-101.myhuaweicloud.eu")),
            (Service::Swr, "eu-de", Some("swr-api.eu-de.otc.t-systems.com")),
            (Service::Iam, "eu-nl", Some("iam.eu-nl.otc.t-systems.com")),
            (Service::Swr, "eu-ch2", Some("swr-api.eu-ch2.sc.otc.t-systems.com")),
            (Service::Iam, "eu-west-0", Some("iam.eu-west-0.prod-cloud-ocb.orange-business.com")),
            (Service::Sts, "cn-north-4", Some("sts.cn-north-4.myhuaweicloud.com")),
            (Service::Sts, "eu-west-101", None),
            (Service::Swr, "xx-new-1", Some("swr-api.xx-new-1.myhuaweicloud.com")),
        ] {
            assert_eq!(host(service, region).as_deref(), expected, "{service:?} {region}");
        }
    }

    #[test]
    fn the_table_has_the_sdks_35_regions_and_those_of_other_clouds() {
        assert_eq!(REGIONS.len(), 35);
        assert_eq!(all().count(), 38);
        assert!(REGIONS.is_sorted() && WITH_STS.iter().all(|region| REGIONS.contains(region)));
    }
}
