//! Schemas in which every named type stands in full wherever it is used.
//!
//! Avro defines a named type once and refers to it by name afterwards. Whoever compares or walks two
//! schemas node by node would take equal names for equal types; without references it sees both.

use apache_avro::Schema;
use apache_avro::schema::{Name, UnionSchema};

/// Nodes that a schema may have once every reference is replaced. Doubling references could otherwise
/// make a short text fill the memory.
pub(crate) const INLINE_NODES_MAX: usize = 100_000;

/// Replaces every reference by what it refers to. A type that contains itself keeps the inner
/// reference. Refuses, with a sentence, what grows beyond [`INLINE_NODES_MAX`].
pub(crate) fn inline(schema: &Schema) -> Result<Schema, String> {
    let mut walk = Inline {
        known: Vec::new(),
        nodes: 0,
    };
    let mut whole = schema.clone();
    walk.node(&mut whole, &mut Vec::new())?;
    Ok(whole)
}

struct Inline {
    /// Definitions met so far, themselves inlined.
    known: Vec<(Name, Schema)>,
    nodes: usize,
}

impl Inline {
    /// Inlines below `schema`; `open` are the named types that it stands in.
    fn node(&mut self, schema: &mut Schema, open: &mut Vec<Name>) -> Result<(), String> {
        self.count()?;
        match schema {
            Schema::Array(array) => self.node(&mut array.items, open),
            Schema::Map(map) => self.node(&mut map.types, open),
            Schema::Union(union) => {
                let mut variants = union.variants().to_vec();
                for variant in &mut variants {
                    self.node(variant, open)?;
                }
                *schema = Schema::Union(UnionSchema::new(variants).map_err(|error| error.to_string())?);
                Ok(())
            }
            Schema::Record(record) => {
                open.push(record.name.clone());
                for field in &mut record.fields {
                    self.node(&mut field.schema, open)?;
                }
                open.pop();
                self.define(schema);
                Ok(())
            }
            Schema::Enum(_) | Schema::Fixed(_) => {
                self.define(schema);
                Ok(())
            }
            Schema::Ref { name } if open.contains(name) => Ok(()),
            Schema::Ref { name } => {
                let name = name.clone();
                *schema = self.definition(&name)?;
                self.recount(schema)
            }
            _ => Ok(()),
        }
    }

    fn define(&mut self, schema: &Schema) {
        if let Some(name) = schema.name() {
            self.known.push((name.clone(), schema.clone()));
        }
    }

    fn definition(&self, name: &Name) -> Result<Schema, String> {
        let found = self.known.iter().find(|(known, _)| known == name);
        found
            .map(|(_, schema)| schema.clone())
            .ok_or_else(|| format!("{name} is used and not defined"))
    }

    /// Counts the nodes of a copied definition, which holds no reference that could be replaced.
    fn recount(&mut self, schema: &Schema) -> Result<(), String> {
        self.count()?;
        match schema {
            Schema::Array(array) => self.recount(&array.items),
            Schema::Map(map) => self.recount(&map.types),
            Schema::Union(union) => union.variants().iter().try_for_each(|variant| self.recount(variant)),
            Schema::Record(record) => record.fields.iter().try_for_each(|field| self.recount(&field.schema)),
            _ => Ok(()),
        }
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > INLINE_NODES_MAX {
            return Err(format!("the schema has more than {INLINE_NODES_MAX} nodes"));
        }
        Ok(())
    }
}
