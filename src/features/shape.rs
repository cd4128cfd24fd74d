//! The shapes of a features document as tables: which keys, in which order, of which type.
//!
//! This is http-api.md 7.1 (order, what is omitted, what is always written) together with evaluation.md 3
//! (types, what is refused). Keys that are not in a table pass through after the known ones, unchanged:
//! Unleash Edge 20.4 drops them, which brink need not do.

/// An object with known keys, in the order they are written.
pub(super) struct Shape {
    pub(super) fields: &'static [Field],
}

/// One known key.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
}

/// What a value has to be and how it is written.
pub(super) enum Kind {
    Text,
    Date,
    Boolean,
    /// A whole number of 64 bits, signed or not.
    Whole,
    /// A whole number that is not negative.
    Unsigned,
    /// A whole number of 64 bits with sign.
    Id,
    /// One of a few texts.
    Choice {
        among: &'static [&'static str],
        expected: &'static str,
    },
    /// An operator: any text, or the object Unleash Edge makes of an unknown one.
    Operator,
    /// An object whose values are texts; keys are sorted.
    Parameters,
    /// A list of values that are all of one kind.
    ListOf(&'static Kind),
    Object(&'static Shape),
}

/// What happens if the key is missing or null.
pub(super) enum Absent {
    Refuse,
    Omit,
    /// Missing and null are written as this text.
    Write(&'static str),
    /// Missing is written as this text; null refuses the document.
    WriteUnlessNull(&'static str),
}

/// More known keys than any shape has.
pub(super) const FIELDS_MAX: usize = 16;

/// The operators the protocol knows. Others pass through and are never satisfied (security.md 6.1).
pub(super) const OPERATORS: [&str; 19] = [
    "IN",
    "NOT_IN",
    "STR_STARTS_WITH",
    "STR_ENDS_WITH",
    "STR_CONTAINS",
    "NUM_EQ",
    "NUM_GT",
    "NUM_GTE",
    "NUM_LT",
    "NUM_LTE",
    "DATE_AFTER",
    "DATE_BEFORE",
    "SEMVER_EQ",
    "SEMVER_GT",
    "SEMVER_GTE",
    "SEMVER_LT",
    "SEMVER_LTE",
    "REGEX",
    "IN_CIDR",
];

const fn required(key: &'static str, kind: Kind) -> Field {
    Field { key, kind, absent: Absent::Refuse }
}

const fn optional(key: &'static str, kind: Kind) -> Field {
    Field { key, kind, absent: Absent::Omit }
}

const fn always(key: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { key, kind, absent: Absent::Write(text) }
}

const fn flag(key: &'static str) -> Field {
    Field { key, kind: Kind::Boolean, absent: Absent::WriteUnlessNull("false") }
}

pub(super) static FEATURE: Shape = Shape {
    fields: &[
        required("name", Kind::Text),
        optional("type", Kind::Text),
        optional("description", Kind::Text),
        optional("createdAt", Kind::Date),
        optional("lastSeenAt", Kind::Date),
        required("enabled", Kind::Boolean),
        optional("stale", Kind::Boolean),
        optional("impressionData", Kind::Boolean),
        optional("project", Kind::Text),
        optional("strategies", Kind::ListOf(&Kind::Object(&STRATEGY))),
        optional("variants", Kind::ListOf(&Kind::Object(&VARIANT))),
        optional("dependencies", Kind::ListOf(&Kind::Object(&DEPENDENCY))),
    ],
};

static STRATEGY: Shape = Shape {
    fields: &[
        required("name", Kind::Text),
        optional("sortOrder", Kind::Whole),
        optional("segments", Kind::ListOf(&Kind::Id)),
        optional("constraints", Kind::ListOf(&Kind::Object(&CONSTRAINT))),
        optional("parameters", Kind::Parameters),
        always("variants", Kind::ListOf(&Kind::Object(&STRATEGY_VARIANT)), "[]"),
    ],
};

static STRATEGY_VARIANT: Shape = Shape {
    fields: &[
        required("name", Kind::Text),
        required("weight", Kind::Whole),
        optional("payload", Kind::Object(&PAYLOAD)),
        optional("stickiness", Kind::Text),
    ],
};

static CONSTRAINT: Shape = Shape {
    fields: &[
        required("contextName", Kind::Text),
        required("operator", Kind::Operator),
        flag("caseInsensitive"),
        flag("inverted"),
        optional("values", Kind::ListOf(&Kind::Text)),
        optional("value", Kind::Text),
    ],
};

static VARIANT: Shape = Shape {
    fields: &[
        required("name", Kind::Text),
        required("weight", Kind::Whole),
        optional("weightType", Kind::Choice { among: &["fix", "variable"], expected: "fix or variable" }),
        optional("stickiness", Kind::Text),
        optional("payload", Kind::Object(&PAYLOAD)),
        optional("overrides", Kind::ListOf(&Kind::Object(&OVERRIDE))),
    ],
};

static PAYLOAD: Shape = Shape { fields: &[required("type", Kind::Text), required("value", Kind::Text)] };

static OVERRIDE: Shape =
    Shape { fields: &[required("contextName", Kind::Text), required("values", Kind::ListOf(&Kind::Text))] };

static DEPENDENCY: Shape = Shape {
    fields: &[
        required("feature", Kind::Text),
        optional("enabled", Kind::Boolean),
        optional("variants", Kind::ListOf(&Kind::Text)),
    ],
};

pub(super) static SEGMENT: Shape = Shape {
    fields: &[required("id", Kind::Id), required("constraints", Kind::ListOf(&Kind::Object(&CONSTRAINT)))],
};

pub(super) static META: Shape = Shape {
    fields: &[
        always("etag", Kind::Text, "null"),
        always("revisionId", Kind::Unsigned, "null"),
        always("queryHash", Kind::Text, "null"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_outgrows_the_slots() {
        for shape in
            [&FEATURE, &STRATEGY, &STRATEGY_VARIANT, &CONSTRAINT, &VARIANT, &PAYLOAD, &OVERRIDE, &DEPENDENCY]
        {
            assert!(shape.fields.len() <= FIELDS_MAX);
        }
        assert!(SEGMENT.fields.len() <= FIELDS_MAX && META.fields.len() <= FIELDS_MAX);
    }
}
