//! One turn of the saga: a thing that happened in, events and commands out.

use planted::Bug;

use crate::authority::{Actor, act_on_order};
use crate::ids::{LineNo, OrderId, ProductId, RecordId};
use crate::order::effect::{self, Effect};
use crate::order::event::{OrderEvent, RecordedEvent};
use crate::order::fold::{apply, saga};
use crate::order::fulfilment::{LineAsk, LineMoney};
use crate::order::input::{CancelOrder, OrderInput, PlaceOrder};
use crate::order::placing::without_order;
use crate::order::state::{
    CancelReason, CommandRefusal, Deadline, LineStatus, OrderLine, OrderState, PaymentStatus, SagaStep, WaitingCommand,
};
use crate::order::table::{Decision, InputKind, decide};
use crate::payment::PaymentFact;
use crate::stock::StockReply;

/// What one turn leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The order after the turn; `None` only where there is none and the input did not make one.
    pub state: Option<OrderState>,
    /// What happened, in order.
    pub events: Vec<RecordedEvent>,
    /// What to ask the other participants, in order.
    pub effects: Vec<Effect>,
    /// When the timer was to fire before the turn, in milliseconds since the epoch. One that has fired is none any more.
    pub timer_before: Option<i64>,
    /// When the timer is to fire from now on. Where it differs from `timer_before`, that one is to be cleared.
    pub timer_after: Option<i64>,
}

/// Takes one input. `now` is in milliseconds since the epoch.
#[must_use]
pub fn step(state: Option<OrderState>, order_id: &OrderId, input: OrderInput, now: i64) -> Step {
    match state {
        Some(state) => Turn::begin(state, now).take(input),
        None => without_order(order_id, input, now),
    }
}

pub(crate) struct Turn {
    pub(super) state: OrderState,
    pub(super) now: i64,
    pub(super) step_before: SagaStep,
    attention_before: bool,
    asks_before: Vec<(LineNo, LineAsk)>,
    timer_before: Option<i64>,
    events: Vec<RecordedEvent>,
    effects: Vec<Effect>,
}

impl Turn {
    fn begin(state: OrderState, now: i64) -> Self {
        Self {
            step_before: state.step(),
            attention_before: state.needs_attention,
            asks_before: effect::line_asks(&state),
            timer_before: state.timer,
            state,
            now,
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// The turn that has just made the order: its first step is entered, whichever it is.
    pub(crate) fn first(state: OrderState, created: RecordedEvent, now: i64) -> Step {
        let mut turn = Self::begin(state, now);
        turn.events.push(created);
        turn.announce();
        turn.enter();
        turn.end()
    }

    fn take(mut self, input: OrderInput) -> Step {
        match input {
            OrderInput::Place(place) => self.place_again(&place),
            OrderInput::Cancel(cancel) => self.cancel(cancel),
            OrderInput::Lines(command) => self.line_command(command),
            OrderInput::Stock(reply) => self.stock(reply),
            OrderInput::Payment(fact) => self.payment(fact),
            OrderInput::PaymentRefused => self.payment_refused(),
            OrderInput::DeadlinePassed => self.deadline_passed(),
        }
        self.go_on();
        while let Some(command) = self.next_waiting() {
            match command {
                WaitingCommand::Lines(command) => self.line_command(command),
                WaitingCommand::Cancel(cancel) => self.cancel(cancel),
            }
            self.go_on();
        }
        self.end()
    }

    /// Announces where the order has come to, and asks for what follows from it.
    fn go_on(&mut self) {
        let moves = self.state.step() != self.step_before;
        if moves {
            self.announce();
        }
        // Nothing more is re-sent once an operator has been called. Where that call falls and the step stays, the step
        // begins again: it would wait without a deadline and without anybody who knows.
        if moves || (self.attention_before && !self.state.needs_attention) {
            self.enter();
        } else {
            self.ask_for_lines();
        }
        self.step_before = self.state.step();
        self.attention_before = self.state.needs_attention;
        self.asks_before = effect::line_asks(&self.state);
    }

    fn place_again(&mut self, place: &PlaceOrder) {
        if !place.made(&self.state) {
            self.refuse(place.actor.clone(), place.command_id.clone(), CommandRefusal::Conflict);
        }
    }

    fn cancel(&mut self, cancel: CancelOrder) {
        if self.state.cancel_command.as_ref() == Some(&cancel.command_id) {
            return;
        }
        if !self.state.waiting.is_empty() && !self.is_decided() {
            return self.wait(WaitingCommand::Cancel(cancel));
        }
        let allowed = act_on_order(&cancel.actor, &self.state.buyer_id).is_ok();
        let decision = decide(self.step_before, InputKind::CancelOrder);
        let is_untouched = || self.state.lines.iter().all(|line| line.fulfilment.is_untouched());
        let accepted =
            decision == Decision::AcceptCancellation || (decision == Decision::AcceptUntouched && is_untouched());
        match (allowed, accepted) {
            (false, _) => self.refuse(cancel.actor, cancel.command_id, CommandRefusal::NotAllowed),
            (true, false) => self.refuse(cancel.actor, cancel.command_id, CommandRefusal::TooLate),
            (true, true) => {
                self.state.cancel_command = Some(cancel.command_id);
                let reason = cancel.reason;
                self.record(cancel.actor, OrderEvent::CancellationRequested { reason });
            }
        }
    }

    fn stock(&mut self, reply: StockReply) {
        let (line, product) = (reply.line(), reply.product_id().clone());
        // A hold for a line that the order does not have is as unwanted as one for a line that was given back.
        let (step, status, money) = match self.state.line(line) {
            Some(known) => (self.step_before, known.status, known.fulfilment.money),
            None => (SagaStep::Cancelled, LineStatus::Released, LineMoney::WithOrder),
        };
        let decision = decide(step, InputKind::of_stock(&reply, status, money));
        self.carry_out(decision, Some(OrderEvent::Stock(reply)), Some((line, &product)));
    }

    fn payment(&mut self, fact: PaymentFact) {
        let number = self.line_of(&fact);
        let line = number.and_then(|number| self.state.line(number));
        let money = number.map(|_| line.map_or(LineMoney::WithOrder, |line| line.fulfilment.money));
        let decision = decide(self.step_of_money(), InputKind::of_payment(&fact, money));
        // What the wallet holds, takes or gives away must be the total, or the price of the line's pieces, to the unit.
        let due = if number.is_some() {
            line.and_then(OrderLine::total)
        } else {
            self.state.total
        };
        let differs = fact.amount().zip(due).is_some_and(|(amount, due)| amount != due);
        let decision = if decision == Decision::Record && differs {
            Decision::Alarm
        } else {
            decision
        };
        self.carry_out(decision, Some(OrderEvent::Payment(fact)), None);
    }

    fn payment_refused(&mut self) {
        let decision = decide(self.step_of_money(), InputKind::PaymentRefused);
        self.carry_out(decision, None, None);
    }

    /// Where the order stands for the wallet: money that is taken is taken, also while goods are still to be confirmed.
    fn step_of_money(&self) -> SagaStep {
        match (self.step_before, self.state.payment) {
            (SagaStep::Confirming, PaymentStatus::Captured) => SagaStep::Paid,
            (step, _) => step,
        }
    }

    fn deadline_passed(&mut self) {
        self.state.timer = None;
        self.timer_before = None;
        self.move_lines_on();
        let due = self.state.deadline.filter(|deadline| deadline.due_at <= self.now);
        let Some(deadline) = due else { return };
        let decision = decide(self.step_before, InputKind::DeadlinePassed);
        self.state.deadline = deadline.next(self.now);
        match self.state.deadline {
            Some(next) => self.effects = effect::commands(&self.state, next.sends),
            None => self.carry_out(decision, None, None),
        }
    }

    /// Does what the table says about an answer, or about a deadline whose last send has gone unanswered.
    pub(super) fn carry_out(
        &mut self,
        decision: Decision,
        event: Option<OrderEvent>,
        line: Option<(LineNo, &ProductId)>,
    ) {
        match decision {
            Decision::Record => self.record_answer(event),
            Decision::RecordAndRelease => {
                self.record_answer(event);
                self.release_late(line);
            }
            Decision::RecordAndRestock => {
                self.record_answer(event);
                self.restock_late(line);
            }
            Decision::ReleaseLate => self.release_late(line),
            Decision::RestockLate => self.restock_late(line),
            Decision::VoidLate => self.void_late(),
            Decision::NoteMoney if self.state.payment != PaymentStatus::Unasked => {}
            Decision::NoteMoney => self.record_answer(event),
            Decision::RefundFirst | Decision::RecordRefund => self.record_unless_refunded(event),
            Decision::RefundLate => self.refund_late(event.as_ref()),
            Decision::Alarm | Decision::ResendOrAlarm => self.alarm(),
            Decision::ResendOrUnwind => self.record(saga(), OrderEvent::StepTimedOut { step: self.step_before }),
            Decision::Duplicate => {}
            Decision::TooEarly => {}
            Decision::Superseded => {}
            Decision::StaleTimer => {}
            // Decisions about commands, which their own functions carry out.
            Decision::CompareRequest | Decision::AcceptCancellation | Decision::RefuseCancellation => {}
            Decision::AcceptUntouched | Decision::WaitUntilPaid | Decision::JudgeLines | Decision::RefuseLines => {}
        }
    }

    fn record_answer(&mut self, event: Option<OrderEvent>) {
        if let Some(event) = event {
            self.record(saga(), event);
        }
    }

    fn release_late(&mut self, line: Option<(LineNo, &ProductId)>) {
        let effect = line.map(|(line, product)| effect::release(&self.state, line, product, "late-release", 1));
        self.effects.extend(effect);
    }

    fn restock_late(&mut self, line: Option<(LineNo, &ProductId)>) {
        let effect = line.map(|(line, product)| effect::restock(&self.state, line, product, "late-restock", 1));
        self.effects.extend(effect);
    }

    /// A refunded payment was held before it was taken: then this is an old answer.
    fn void_late(&mut self) {
        if self.state.payment != PaymentStatus::Refunded {
            self.effects.push(effect::void(&self.state, "late-void", 1));
        }
    }

    /// A refunded payment was taken before that: then this is an old answer.
    fn record_unless_refunded(&mut self, event: Option<OrderEvent>) {
        if self.state.payment != PaymentStatus::Refunded {
            self.record_answer(event);
        }
    }

    fn refund_late(&mut self, event: Option<&OrderEvent>) {
        let taken = match event {
            Some(OrderEvent::Payment(fact)) => fact.amount(),
            Some(_) | None => None,
        };
        let Some(taken) = taken.filter(|_| self.state.payment != PaymentStatus::Refunded) else {
            return;
        };
        self.effects.push(effect::refund(&self.state, taken, "late-refund", 1));
        self.alarm();
    }

    /// Asks for attention once; the flag falls when the saga moves on.
    fn alarm(&mut self) {
        if !self.state.needs_attention {
            self.record(saga(), OrderEvent::NeedsAttention { step: self.step_before });
        }
    }

    pub(super) fn refuse(&mut self, actor: Actor, command_id: RecordId, reason: CommandRefusal) {
        self.record(actor, OrderEvent::CommandRefused { command_id, reason });
    }

    pub(super) fn record(&mut self, actor: Actor, event: OrderEvent) {
        let recorded = RecordedEvent {
            seq: self.state.seq + if planted::is(Bug::EventNumberSkipped) { 2 } else { 1 },
            at: self.now,
            actor,
            event,
        };
        apply(&mut self.state, &recorded);
        self.events.push(recorded);
    }

    /// Announces the step that the turn has led to, if it is a final one.
    fn announce(&mut self) {
        match (self.state.step(), self.state.total, self.state.cancelling) {
            (SagaStep::Paid, _, _) if self.state.paid => {
                if self.state.is_refunded_by_line() {
                    let reason = CancelReason::Refunded;
                    self.record(saga(), OrderEvent::OrderCancelled { reason });
                }
            }
            (SagaStep::Paid, Some(total), _) => {
                self.record(saga(), OrderEvent::OrderPaid { total });
            }
            (SagaStep::Cancelled, _, Some(reason)) => {
                self.record(saga(), OrderEvent::OrderCancelled { reason });
            }
            // Neither end is reached without its total or its reason.
            (SagaStep::Paid | SagaStep::Cancelled, _, _) => {}
            (SagaStep::Reserving | SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing, _, _) => {}
            (SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning | SagaStep::Settling, _, _) => {}
        }
    }

    /// Asks for what lines have come to wait for in this turn. Each new question gives all of them the time of a first one.
    fn ask_for_lines(&mut self) {
        let asks = effect::line_asks(&self.state);
        let new = asks.into_iter().filter(|ask| !self.asks_before.contains(ask));
        let commands: Vec<Effect> = new
            .filter_map(|ask| effect::line_command(&self.state, ask, 1))
            .collect();
        if !commands.is_empty() {
            self.state.deadline = Some(Deadline::first(self.now));
            self.effects.extend(commands);
        }
    }

    fn enter(&mut self) {
        // The capture is on its way since the step before, whose deadline goes on.
        if (self.step_before, self.state.step()) == (SagaStep::Confirming, SagaStep::Capturing) {
            return;
        }
        let waits = !self.state.step().is_final() && !planted::is(Bug::DeadlineForgotten);
        self.state.deadline = waits.then(|| Deadline::first(self.now));
        if planted::is(Bug::CompensationForgotten) && self.state.step() == SagaStep::Voiding {
            return;
        }
        self.effects.extend(effect::commands(&self.state, 1));
    }

    fn end(mut self) -> Step {
        let deadline = self.state.deadline.map(|deadline| deadline.due_at);
        let due = deadline.into_iter().chain(self.state.moves_at()).min();
        let early = self.state.timer.filter(|timer| due.is_some_and(|due| *timer <= due));
        self.state.timer = early.or(due);
        Step {
            timer_before: self.timer_before,
            timer_after: self.state.timer,
            state: Some(self.state),
            events: self.events,
            effects: self.effects,
        }
    }
}
