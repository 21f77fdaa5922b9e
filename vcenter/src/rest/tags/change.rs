//! Making, changing and deleting tags and categories, and putting tags on objects.

use serde_json::{Map, Value, json};

use super::wire::object_id;
use super::{Category, CategoryUpdate, TagUpdate, Tags};
use crate::vim::MoRef;
use crate::{Error, Result};

impl Tags {
    /// Puts a tag on an object; nothing happens if it is there.
    pub async fn attach(&self, tag: &str, object: &MoRef) -> Result<()> {
        let path = self.path("tag-association", Some(tag), Some("attach")).await?;
        self.rest.post(&path, &json!({"object_id": object_id(object)})).await.map(drop)
    }

    /// Takes a tag off an object; nothing happens if it is not there.
    pub async fn detach(&self, tag: &str, object: &MoRef) -> Result<()> {
        let path = self.path("tag-association", Some(tag), Some("detach")).await?;
        self.rest.post(&path, &json!({"object_id": object_id(object)})).await.map(drop)
    }

    /// Makes a category; its id.
    pub async fn create_category(&self, new: &Category) -> Result<String> {
        let spec = json!({
            "name": new.name, "description": new.description, "associable_types": new.associable_types,
            "cardinality": cardinality(new.multiple),
        });
        self.create("category", spec).await
    }

    /// Makes a tag in a category, given by its id; the tag's id.
    pub async fn create_tag(&self, category_id: &str, name: &str, description: &str) -> Result<String> {
        let spec = json!({"name": name, "description": description, "category_id": category_id});
        self.create("tag", spec).await
    }

    /// Renames a tag or describes it anew.
    pub async fn update_tag(&self, id: &str, update: &TagUpdate) -> Result<()> {
        let mut spec = Map::new();
        set(&mut spec, "name", update.name.as_deref());
        set(&mut spec, "description", update.description.as_deref());
        let result = self.update("tag", id, spec).await;
        self.memory().tags.remove(id);
        result
    }

    /// Changes a category.
    pub async fn update_category(&self, id: &str, update: &CategoryUpdate) -> Result<()> {
        let mut spec = Map::new();
        set(&mut spec, "name", update.name.as_deref());
        set(&mut spec, "description", update.description.as_deref());
        set(&mut spec, "cardinality", update.multiple.map(cardinality));
        set(&mut spec, "associable_types", update.associable_types.clone());
        let result = self.update("category", id, spec).await;
        self.memory().categories.remove(id);
        result
    }

    /// Deletes a tag, and takes it off everything.
    pub async fn delete_tag(&self, id: &str) -> Result<()> {
        self.rest.delete(&self.path("tag", Some(id), None).await?).await?;
        self.memory().tags.remove(id);
        Ok(())
    }

    /// Deletes a category with its tags.
    pub async fn delete_category(&self, id: &str) -> Result<()> {
        self.rest.delete(&self.path("category", Some(id), None).await?).await?;
        let mut memory = self.memory();
        memory.categories.remove(id);
        memory.tags.retain(|_, (_, tag)| tag.category_id != id);
        Ok(())
    }

    async fn create(&self, what: &str, spec: Value) -> Result<String> {
        let path = self.path(what, None, None).await?;
        let body = if self.rest.has_api().await? { spec } else { json!({"create_spec": spec}) };
        match self.rest.post(&path, &body).await? {
            Value::String(id) => Ok(id),
            _ => Err(Error::Decode { method: format!("POST {path}"), at: "there is no id".to_owned() }),
        }
    }

    async fn update(&self, what: &str, id: &str, spec: Map<String, Value>) -> Result<()> {
        let path = self.path(what, Some(id), None).await?;
        let body = if self.rest.has_api().await? { spec.into() } else { json!({"update_spec": spec}) };
        self.rest.patch(&path, &body).await.map(drop)
    }
}

fn set(spec: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        spec.insert(name.to_owned(), value.into());
    }
}

/// `CategoryModel.Cardinality`
fn cardinality(multiple: bool) -> &'static str {
    if multiple { "MULTIPLE" } else { "SINGLE" }
}
