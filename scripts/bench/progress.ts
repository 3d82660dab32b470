// progress - what a person sees while the benchmark runs: one line that changes on a terminal, a line a question elsewhere.
import type { Question } from './question.js'
import type { Subject } from './subjects.js'

export class Progress {
  private readonly terminal_ = process.stderr.isTTY
  private readonly started_ = Date.now()
  private readonly budgetSeconds_: number
  private head_ = ''
  private questionStarted_ = Date.now()

  constructor(budgetSeconds: number) {
    this.budgetSeconds_ = budgetSeconds
  }

  question(number: number, total: number, question: Question): void {
    this.head_ = `[${number}/${total}] ${question.title}`
    this.questionStarted_ = Date.now()
  }

  preparing(): void {
    this.show(`${this.head_}: making layers`)
  }

  run(round: number, rounds: number, subject: Subject): void {
    this.show(`${this.head_}: round ${round} of ${rounds}, ${subject.id}`)
  }

  answered(question: Question): void {
    const seconds = ((Date.now() - this.questionStarted_) / 1000).toFixed(1)
    this.line(`${this.head_} (${question.id}): ${seconds} s`)
  }

  warning(text: string): void {
    this.line(`warning: ${text}`)
  }

  private show(text: string): void {
    if (!this.terminal_) return
    const clock = `${minutes((Date.now() - this.started_) / 1000)} of ${minutes(this.budgetSeconds_)}`
    const width = (process.stderr.columns || 80) - 1
    process.stderr.write(`\r\u001b[K${`${clock}  ${text}`.slice(0, width)}`)
  }

  private line(text: string): void {
    process.stderr.write(`${this.terminal_ ? '\r\u001b[K' : ''}${text}\n`)
  }
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`
}
