//! What happened to an order, in order.
