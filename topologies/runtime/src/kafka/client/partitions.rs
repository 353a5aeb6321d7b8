//! Lists of partitions with offsets, as the C client takes and answers them.

use std::ffi::CString;
use std::ptr::NonNull;

use rdkafka::bindings as sys;

use super::{of_settings, terminated, text_of};
use crate::kafka::port::{ClientError, Partition};

/// An owned list. It never outlives the call it is made for, because a list that the C client has bound to its
/// partitions keeps a consumer from closing.
pub(super) struct PartitionList(NonNull<sys::rd_kafka_topic_partition_list_t>);

// SAFETY: a list is plain memory that may be used and freed from any thread; the pointer is owned by this value alone.
unsafe impl Send for PartitionList {}

impl PartitionList {
    /// The partitions as a list.
    pub(super) fn new(partitions: &[Partition]) -> Result<Self, ClientError> {
        let capacity = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
        // SAFETY: the call has no precondition.
        let list = unsafe { sys::rd_kafka_topic_partition_list_new(capacity) };
        let list = NonNull::new(list).map(Self);
        let mut list = list.ok_or_else(|| of_settings("out of memory for a partition list".to_owned()))?;
        partitions.iter().try_for_each(|partition| list.add(partition))?;
        Ok(list)
    }

    fn add(&mut self, partition: &Partition) -> Result<(), ClientError> {
        let topic: CString = terminated(&partition.topic)?;
        let metadata = &partition.metadata;
        // SAFETY: the list is live and the name terminated; the element that is answered belongs to the list and is
        // written before anything else touches the list. Metadata is allocated with the C allocator because the list
        // frees it with that one.
        unsafe {
            let element = sys::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition.partition);
            (*element).offset = partition.offset;
            if !metadata.is_empty() {
                let copy = sys::rd_kafka_mem_malloc(std::ptr::null_mut(), metadata.len());
                if !copy.is_null() {
                    std::ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast::<u8>(), metadata.len());
                    (*element).metadata = copy;
                    (*element).metadata_size = metadata.len();
                }
            }
        }
        Ok(())
    }

    /// All elements, copied.
    pub(super) fn to_vec(&self) -> Vec<Partition> {
        // SAFETY: the list is live.
        unsafe { elements(self.0.as_ptr()) }
    }

    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: the list is live and owned by this value.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// Copies a list of the C client.
///
/// # Safety
/// `list` is null or live across the call.
pub(super) unsafe fn elements(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<Partition> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: a live list has `cnt` initialised elements at `elems`, each with a terminated name and with metadata of
    // the length it says.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count).map(|at| element(&*(*list).elems.add(at))).collect()
    }
}

/// # Safety
/// The element belongs to a live list.
unsafe fn element(element: &sys::rd_kafka_topic_partition_t) -> Partition {
    let metadata = if element.metadata.is_null() {
        Vec::new()
    } else {
        // SAFETY: promised by the caller: not null, and as long as the element says.
        unsafe { std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size) }.to_vec()
    };
    let error = (element.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| element.err.into());
    Partition {
        // SAFETY: promised by the caller: a terminated name.
        topic: unsafe { text_of(element.topic) },
        partition: element.partition,
        offset: element.offset,
        metadata,
        error,
    }
}
