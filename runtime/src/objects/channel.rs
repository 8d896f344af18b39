//! Channels: the value; what is behind it is in `concurrency::channels`.

use std::rc::Rc;
use std::sync::Arc;

use crate::concurrency::channels::Core;
use crate::concurrency::shared_channels::SharedChannel;
use crate::heap::Ref;
use crate::value::{Object, Tag, Value};

/// A handle of a channel.
pub struct ChannelBody {
    pub core: Rc<Core>,
}

impl Object for ChannelBody {
    const TAG: Tag = Tag::Channel;
}

impl ChannelBody {
    pub fn make(core: Rc<Core>) -> Value {
        Value::from_ref(Ref::new(ChannelBody { core }))
    }

    /// A handle of a channel that came from another isolate.
    pub(crate) fn of_shared(shared: Arc<SharedChannel>) -> Value {
        Self::make(Rc::new(Core::of_shared(shared)))
    }

    /// Calls `f` with every value that waits in the channel.
    pub fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        self.core.each_value(f);
    }
}
