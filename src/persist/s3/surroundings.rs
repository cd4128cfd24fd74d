//! What AWS programs take from their surroundings: variables and the files of profiles. Read once, at the start.
//!
//! Names and precedence are those of the AWS SDKs: variables win over the profile. Nothing here talks to anybody.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

type Variables = Box<dyn Fn(&str) -> Option<String> + Send>;

/// Variables, and the chosen profile of both files.
pub struct Surroundings {
    variables: Variables,
    profile: BTreeMap<String, String>,
}

/// `~/.aws/credentials` names profiles plainly, `~/.aws/config` all but `default` with a word before the name.
#[derive(Clone, Copy)]
enum File {
    Credentials,
    Config,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok(), |path| std::fs::read_to_string(path).ok())
    }

    /// Those that these two functions tell of.
    pub fn new(
        variables: impl Fn(&str) -> Option<String> + Send + 'static,
        read: impl Fn(&Path) -> Option<String>,
    ) -> Self {
        let home = variables("HOME").map(PathBuf::from).unwrap_or_default();
        let file = |variable: &str, name: &str| {
            variables(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from)
        };
        let config = read(&file("AWS_CONFIG_FILE", "config")).unwrap_or_default();
        let credentials = read(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials")).unwrap_or_default();
        let name = variables("AWS_PROFILE").filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| "default".to_owned());
        let mut profile = section(&config, &name, File::Config);
        // Where both files say something the one for credentials counts.
        profile.extend(section(&credentials, &name, File::Credentials));
        Self { variables: Box::new(variables), profile }
    }

    /// A variable that says something.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.trim().is_empty())
    }

    /// A key of the profile.
    pub fn profile(&self, key: &str) -> Option<&str> {
        self.profile.get(key).map(String::as_str)
    }

    /// `AWS_REGION` and its kin.
    pub fn region(&self) -> Option<String> {
        let variable = self.variable("AWS_REGION").or_else(|| self.variable("AWS_DEFAULT_REGION"));
        variable.or_else(|| self.profile("region").map(str::to_owned))
    }

    /// An endpoint for this service other than that of AWS.
    pub fn endpoint(&self, service: &str) -> Option<String> {
        let own = self.variable(&format!("AWS_ENDPOINT_URL_{service}"));
        let variable = own.or_else(|| self.variable("AWS_ENDPOINT_URL"));
        variable.or_else(|| self.profile("endpoint_url").map(str::to_owned))
    }
}

impl fmt::Debug for Surroundings {
    /// The profile holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("profile", &self.profile.keys()).finish_non_exhaustive()
    }
}

/// The keys of one section of an INI file; nested ones (indented) are left out.
fn section(text: &str, name: &str, file: File) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    let mut is_inside = false;
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = is_title_of(title.trim(), name, file);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_inside && !is_nested)
            && !line.starts_with(['#', ';'])
        {
            keys.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    keys
}

fn is_title_of(title: &str, name: &str, file: File) -> bool {
    let named = title.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim);
    match file {
        File::Credentials => title == name,
        File::Config => named == Some(name) || (name == "default" && title == name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n\n[profile  work]\nregion=us-east-2\nendpoint_url = http://here:9000\n; region = no\n";
    const CREDENTIALS: &str = "[work]\naws_access_key_id = W\naws_secret_access_key = s3cret\n# [default]\n[default]\nAWS_ACCESS_KEY_ID=D\n";

    fn surroundings(variables: &'static [(&'static str, &'static str)]) -> Surroundings {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        Surroundings::new(variable, |path| match path.to_str() {
            Some("/home/me/.aws/config") => Some(CONFIG.to_owned()),
            Some("/home/me/.aws/credentials" | "/elsewhere") => Some(CREDENTIALS.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn variables_win_over_the_profile_and_files_are_found() {
        let here = surroundings(&[("HOME", "/home/me")]);
        assert_eq!(
            (here.region().as_deref(), here.profile("aws_access_key_id")),
            (Some("eu-west-1"), Some("D"))
        );
        assert_eq!((here.endpoint("S3"), here.profile("addressing_style")), (None, None));

        let here = surroundings(&[("HOME", "/home/me"), ("AWS_PROFILE", "work"), ("AWS_REGION", " ")]);
        assert_eq!(
            (here.region().as_deref(), here.profile("aws_access_key_id")),
            (Some("us-east-2"), Some("W"))
        );
        assert_eq!(here.endpoint("S3").as_deref(), Some("http://here:9000"));
        assert!(!format!("{here:?}").contains("s3cret"));
        let here = surroundings(&[
            ("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere"),
            ("AWS_DEFAULT_REGION", "r"),
            ("AWS_ENDPOINT_URL", "a"),
            ("AWS_ENDPOINT_URL_S3", "b"),
        ]);
        assert_eq!((here.region().as_deref(), here.profile("aws_access_key_id")), (Some("r"), Some("D")));
        assert_eq!((here.endpoint("S3").as_deref(), here.endpoint("STS").as_deref()), (Some("b"), Some("a")));
        assert_eq!(surroundings(&[]).region(), None);
    }
}
