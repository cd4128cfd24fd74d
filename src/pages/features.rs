//! `/internal-backstage/features` (http-api.md 11.5): what is loaded, by environment, of all projects.

use crate::{
    described::Described,
    features::view::assemble,
    offline::OPAQUE,
    tokens::{
        mask::HIDDEN,
        scope::{Projects, Scope},
    },
};

/// The document: the body of each environment as a token for all of its projects would get it.
pub fn write(described: &Described) -> Vec<u8> {
    let mut page = vec![b'{'];
    for environment in &described.environments {
        if page.len() > 1 {
            page.push(b',');
        }
        let scope = Scope { environment: Some(environment.name.as_ref().into()), projects: Projects::All };
        // Unleash Edge 20.4 shows the token itself here, which is its secret.
        let name = if &*environment.name == OPAQUE { HIDDEN } else { &*environment.name };
        page.extend(serde_json::to_vec(name).unwrap_or_default());
        page.push(b':');
        page.extend_from_slice(&assemble(environment, &scope, None).identity);
    }
    page.push(b'}');
    page
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        features::{catalog::Catalog, environment::EnvironmentData, parse::parse_document},
        tokens::registry::Listing,
    };

    fn described(names: &[&str]) -> Described {
        let mut catalog = Catalog::default();
        for name in names {
            let empty = EnvironmentData::empty((*name).into());
            let text =
                br#"{"version":2,"features":[{"name":"a","enabled":true,"project":"p","strategies":[]}]}"#;
            let document = parse_document(text, &empty).unwrap();
            catalog.apply(&(*name).into(), &Projects::All, document);
        }
        Described {
            tokens: Listing { tokens: Vec::new(), invalid: 0 },
            refreshes: Vec::new(),
            environments: catalog.environments().map(Arc::clone).collect(),
            ready: true,
        }
    }

    #[test]
    fn environments_are_keys() {
        let check = |names: &[&str]| {
            let page: serde_json::Value = serde_json::from_slice(&write(&described(names))).unwrap();
            let keys: Vec<_> = page.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, names);
            for name in names {
                assert_eq!(page[name]["features"][0]["name"], "a");
                assert_eq!(page[name]["query"]["environment"], *name);
            }
        };
        check(&[]);
        check(&["development"]);
        check(&["a \"quoted\" one", "production"]);
    }
}
