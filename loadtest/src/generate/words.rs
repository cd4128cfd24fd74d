//! The vocabulary of the generated documents: names a product team might choose.

/// First part of a flag's name, and the name of its team's project.
pub const AREAS: &[&str] = &[
    "basket", "pricing", "ledger", "account", "login", "library", "player", "courier", "depot", "survey",
    "ticket", "roster", "payroll", "studio", "kitchen", "harbour", "garden", "clinic", "archive", "radar",
    "bakery", "foundry", "quarry",
];

/// Second part of a flag's name.
pub const SUBJECTS: &[&str] = &[
    "export", "import", "banner", "wizard", "digest", "sidebar", "upload", "history", "preview", "summary",
    "reminder", "shortcut", "timeline", "filter", "printing", "coupon",
];

/// Third part of a flag's name.
pub const ASPECTS: &[&str] =
    &["v2", "retry", "async", "compact", "dark", "mobile", "trial", "guard", "cache", "audit", "bulk"];

/// What descriptions are made of.
pub const PROSE: &[&str] = &[
    "shows",
    "the",
    "new",
    "layout",
    "to",
    "selected",
    "customers",
    "while",
    "we",
    "watch",
    "error",
    "rates",
    "and",
    "keep",
    "old",
    "path",
    "ready",
    "for",
    "rollback",
    "until",
    "every",
    "region",
    "has",
    "moved",
    "over",
    "ask",
    "before",
    "removing",
];

/// Kinds of flags, as the admin interface of the upstream names them.
pub const KINDS: &[&str] =
    &["release", "release", "release", "experiment", "operational", "permission", "kill-switch"];

/// Countries for list constraints.
pub const COUNTRIES: &[&str] =
    &["AT", "BE", "CZ", "DK", "EE", "FI", "GR", "HU", "IE", "LV", "NL", "PT", "SE"];

/// Subscription tiers for list constraints.
pub const TIERS: &[&str] = &["solo", "crew", "company", "group"];

/// Mail domains for text constraints.
pub const MAIL_ENDS: &[&str] = &["@example.com", "@example.net", "@staff.example.org", ".example.edu"];

/// Parts of user-agent texts.
pub const AGENTS: &[&str] = &["Gecko", "WebKit", "Android", "Tablet", "Kiosk"];

/// Patterns for regular expression constraints, all within linear-time syntax.
pub const PATTERNS: &[&str] = &[
    "^shop-[0-9]{1,3}$",
    "(north|south)-wing",
    "^[a-f]+[0-9]*$",
    "preview|nightly",
    "\\.example\\.(com|net)$",
];

/// Networks for address constraints; none holds the loopback address.
pub const NETWORKS: &[&str] =
    &["10.20.0.0/14", "172.16.8.0/21", "192.0.2.0/24", "198.51.100.64/26", "2001:db8:40::/44", "203.0.113.9"];

/// Names of variants, in order of use.
pub const VARIANTS: &[&str] = &["baseline", "amber", "violet", "teal"];
