//! What a turn does about single lines of an order.

use crate::ids::{LineNo, line_of_refund, line_of_settlement};
use crate::order::event::OrderEvent;
use crate::order::fold::saga;
use crate::order::fulfilment::Fulfilment;
use crate::order::line_command::LineCommand;
use crate::order::state::{CommandRefusal, OrderLine, SagaStep, WAITING_MAX, WaitingCommand};
use crate::order::table::{Decision, InputKind, decide};
use crate::order::turn::Turn;
use crate::payment::PaymentFact;

impl Turn {
    pub(super) fn line_command(&mut self, command: LineCommand) {
        if self.state.line_commands.contains(&command.command_id) {
            return;
        }
        let decision = decide(self.step_before, InputKind::LineCommand);
        if decision == Decision::WaitUntilPaid {
            self.wait(WaitingCommand::Lines(command));
        } else if decision == Decision::JudgeLines {
            self.judge_lines(command);
        } else {
            self.refuse(command.actor, command.command_id, CommandRefusal::TooLate);
        }
    }

    fn judge_lines(&mut self, command: LineCommand) {
        match command.judge(&self.state) {
            Ok(lines) => {
                self.state.line_commands.insert(command.command_id);
                self.record(command.actor, LineCommand::event(command.kind, lines));
            }
            Err(refusal) => self.refuse(command.actor, command.command_id, refusal),
        }
    }

    /// Keeps a command until the order is paid. The same one again is kept once.
    pub(super) fn wait(&mut self, command: WaitingCommand) {
        if self.state.waiting.contains(&command) {
            return;
        }
        if self.state.waiting.len() < WAITING_MAX {
            self.state.waiting.push(command);
        } else {
            self.refuse(command.actor().clone(), command.id().clone(), CommandRefusal::NotNow);
        }
    }

    /// The next command that waits no more, once the order is paid or never will be.
    pub(super) fn next_waiting(&mut self) -> Option<WaitingCommand> {
        let is_next = self.is_decided() && !self.state.waiting.is_empty();
        is_next.then(|| self.state.waiting.remove(0))
    }

    /// Whether it is known if the order is paid.
    pub(super) fn is_decided(&self) -> bool {
        match self.state.step() {
            SagaStep::Reserving | SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing => false,
            SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning => true,
            SagaStep::Settling | SagaStep::Paid | SagaStep::Cancelled => true,
        }
    }

    /// The line that an answer is about; `None` of one about the whole order.
    pub(super) fn line_of(&self, fact: &PaymentFact) -> Option<LineNo> {
        let order_id = &self.state.order_id;
        match fact {
            PaymentFact::Refunded { refund_id, .. } => line_of_refund(order_id, refund_id),
            PaymentFact::Settled { settlement_id, .. } => line_of_settlement(order_id, settlement_id),
            PaymentFact::Credited { settlement_id, .. } => line_of_settlement(order_id, settlement_id),
            PaymentFact::Authorized { .. }
            | PaymentFact::Declined { .. }
            | PaymentFact::Captured { .. }
            | PaymentFact::Voided { .. } => None,
        }
    }

    /// Whoever has said nothing for long enough has agreed: shipped lines are delivered, and returns are taken back.
    pub(super) fn move_lines_on(&mut self) {
        let delivered = self.due_lines(Fulfilment::Shipped);
        if !delivered.is_empty() {
            self.record(saga(), OrderEvent::LinesDelivered { lines: delivered });
        }
        let lines = self.due_lines(Fulfilment::ReturnRequested);
        if !lines.is_empty() {
            self.record(saga(), OrderEvent::RefundRequested { lines, reason: None });
        }
    }

    fn due_lines(&self, stands: Fulfilment) -> Vec<LineNo> {
        let is_due = |line: &&OrderLine| {
            let due = line.fulfilment.moves_at.is_some_and(|at| at <= self.now);
            due && line.fulfilment.status == stands
        };
        self.state.lines.iter().filter(is_due).map(|line| line.line).collect()
    }
}
