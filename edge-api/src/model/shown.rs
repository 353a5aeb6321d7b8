//! Enums of the records, as the API shows them.

/// An enum of the module `wire`, whichever that is where it is used: the same names.
macro_rules! shown {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value of a newer version.
            Unknown,
        }

        impl From<wire::$name> for $name {
            fn from(value: wire::$name) -> Self {
                match value {
                    $(wire::$name::$variant => Self::$variant,)+
                    wire::$name::Unknown => Self::Unknown,
                }
            }
        }
    };
}

pub(crate) use shown;
