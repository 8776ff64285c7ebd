//! All steps by name, the kinds they are of, and everything together: what a step that is new falls back on.

use std::collections::{BTreeMap, VecDeque};

use super::estimator::{self, Estimator, LEVELS, rounded};
use super::score::Score;
use super::spread::{RunningMean, UNKNOWN, change};
use super::window::{Window, are_amounts, quantile, whole};
use super::work::{counted_ns, learn_share};

/// How many failures of a step are remembered.
const N_FAILURES: usize = 16;

/// One attempt of a step.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// From its start to its end.
    pub duration_ns: u64,
    /// Of what it worked on, in whatever it is counted.
    pub size: Option<u64>,
    /// It did not come to its end.
    pub is_failed: bool,
    /// How many steps ran at the same time, itself among them.
    pub n_concurrent: u32,
    /// Processor time of its thread.
    pub cpu_ns: Option<u64>,
}

/// What a prediction is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Earlier durations of the step.
    Step,
    /// The durations of other steps of its kind.
    Kind,
    /// The durations of all steps.
    All,
}

/// Quantiles of the next duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// What they are made from.
    pub source: Source,
    /// One for each level, never falling.
    pub quantiles_ns: Vec<u64>,
}

/// Everything, written down: steps and kinds by name, and the pool of all.
pub type States = (Vec<(String, StepState)>, Vec<(String, KindState)>, KindState);

/// What is remembered of steps that are taken to be alike.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pool {
    window: Window,
    /// From one duration to the next, of whatever steps.
    changes: RunningMean,
    /// From one duration to the next of the same step.
    changes_of_steps: RunningMean,
    cpu_share: RunningMean,
}

impl Pool {
    fn observe(&mut self, duration_ns: u64, change_of_step: Option<f64>) {
        let observed = duration_ns as f64;
        if let Some(before) = self.window.last() {
            self.changes.add(change(before, observed));
        }
        self.window.push(observed);
        if let Some(change) = change_of_step {
            self.changes_of_steps.add(change);
        }
    }

    fn quantiles_ns(&self, levels: &[f64]) -> Option<Vec<u64>> {
        self.window.last()?;
        let spread = self.changes.with_prior(UNKNOWN);
        let quantiles =
            levels.iter().map(|&level| rounded(quantile(self.window.sorted(), level, spread), level));
        Some(quantiles.collect())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Step {
    /// Of the last observation that had one.
    kind: Option<u32>,
    estimator: Estimator,
    durations: Mean,
    failures_ns: VecDeque<u64>,
    cpu_share: RunningMean,
    score: Score,
}

/// The mean of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    n: u64,
    mean_ns: f64,
}

/// What is known about the durations of steps: bounded for each name.
///
/// # Examples
///
/// ```
/// use makespan_core::predict::{Book, Observation, Source};
///
/// let observation = Observation { duration_ns: 700, size: None, is_failed: false, n_concurrent: 1, cpu_ns: None };
/// let mut book = Book::default();
/// book.observe("load", Some("disk"), observation);
/// assert_eq!(book.predict("load", None, None, &[0.5]).unwrap().quantiles_ns, [700]);
/// let of_kind = book.predict("save", Some("disk"), None, &[0.5]).unwrap();
/// assert_eq!((of_kind.source, of_kind.quantiles_ns), (Source::Kind, vec![700]));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    step_of: BTreeMap<Box<str>, u32>,
    kind_of: BTreeMap<Box<str>, u32>,
    steps: Vec<Step>,
    kinds: Vec<Pool>,
    all: Pool,
}

/// How many numbers a step and a pool are written down in, beside the columns.
const N_STEP_NUMBERS: usize = estimator::N_NUMBERS + 12;
const N_POOL_NUMBERS: usize = 6;

/// A step, written down.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// The name of its kind.
    pub kind: Option<String>,
    /// The last durations, oldest first.
    pub durations_ns: Vec<f64>,
    /// How far from the line through sizes the last ones were.
    pub residuals_ns: Vec<f64>,
    /// The last failures, oldest first.
    pub failures_ns: Vec<u64>,
    /// Everything else, in a fixed order.
    pub numbers: Vec<f64>,
}

/// A kind, or everything, written down.
#[derive(Clone, Debug, PartialEq)]
pub struct KindState {
    /// The last durations, oldest first.
    pub durations_ns: Vec<f64>,
    /// Everything else, in a fixed order.
    pub numbers: Vec<f64>,
}

impl Book {
    /// Learns from an attempt of a step.
    pub fn observe(&mut self, step: &str, kind: Option<&str>, observation: Observation) {
        let step_idx = index_of(&mut self.step_of, &mut self.steps, step);
        if let Some(kind) = kind {
            self.steps[step_idx].kind = Some(index_of(&mut self.kind_of, &mut self.kinds, kind) as u32);
        }
        let Observation { duration_ns, size, is_failed, n_concurrent, cpu_ns } = observation;
        if is_failed {
            let failures_ns = &mut self.steps[step_idx].failures_ns;
            if failures_ns.len() == N_FAILURES {
                failures_ns.pop_front();
            }
            failures_ns.push_back(duration_ns);
            return;
        }
        let prior = self.prior(self.steps[step_idx].kind);
        let step = &mut self.steps[step_idx];
        let mut kind = step.kind.map(|kind| &mut self.kinds[kind as usize]);
        let shares = [Some(step.cpu_share), kind.as_ref().map(|kind| kind.cpu_share)];
        let share = shares.into_iter().flatten().find(|share| share.n > 0).map(|share| share.mean);
        let counted_ns = counted_ns(duration_ns, cpu_ns, n_concurrent, share);
        learn_share(&mut step.cpu_share, duration_ns, cpu_ns, n_concurrent);
        if let Some(kind) = &mut kind {
            learn_share(&mut kind.cpu_share, duration_ns, cpu_ns, n_concurrent);
        }

        let predicted_ns = step.estimator.quantiles_ns(&LEVELS, size, prior);
        if let (Some(predicted_ns), Some(last_ns)) = (&predicted_ns, step.estimator.last_ns()) {
            step.score.add(counted_ns, predicted_ns, step.durations.mean_ns, last_ns);
        }
        let change = step.estimator.observe(counted_ns, size, prior, predicted_ns.as_deref());
        step.durations.n += 1;
        step.durations.mean_ns += (counted_ns as f64 - step.durations.mean_ns) / step.durations.n as f64;
        if let Some(kind) = kind {
            kind.observe(counted_ns, change);
        }
        self.all.observe(counted_ns, change);
    }

    /// By how much steps of a kind change from one duration to the next.
    fn prior(&self, kind: Option<u32>) -> f64 {
        let of_all = self.all.changes_of_steps.with_prior(UNKNOWN);
        kind.map_or(of_all, |kind| self.kinds[kind as usize].changes_of_steps.with_prior(of_all))
    }

    /// Returns quantiles of the next duration of a step, or `None` if nothing was ever observed.
    ///
    /// Levels ascend between 0 and 1. A step that was not observed falls back on its kind, and then on everything.
    #[must_use]
    pub fn predict(
        &self,
        step: &str,
        kind: Option<&str>,
        size: Option<u64>,
        levels: &[f64],
    ) -> Option<Predicted> {
        let step = self.step_of.get(step).map(|&idx| &self.steps[idx as usize]);
        let named = kind.and_then(|kind| self.kind_of.get(kind)).copied();
        let kind = named.or(step.and_then(|step| step.kind));
        let of_step = || step.and_then(|step| step.estimator.quantiles_ns(levels, size, self.prior(kind)));
        let of_kind = || kind.and_then(|kind| self.kinds[kind as usize].quantiles_ns(levels));
        let found = |source| move |quantiles_ns| Predicted { source, quantiles_ns };
        of_step()
            .map(found(Source::Step))
            .or_else(|| of_kind().map(found(Source::Kind)))
            .or_else(|| self.all.quantiles_ns(levels).map(found(Source::All)))
    }

    /// Returns how long the longest of the last failures of a step took: it takes at least that, if it was cut off.
    #[must_use]
    pub fn longest_failure_ns(&self, step: &str) -> Option<u64> {
        self.steps[*self.step_of.get(step)? as usize].failures_ns.iter().copied().max()
    }

    /// Returns how good the predictions for a step were, or for all of them; `None` if it is not known.
    ///
    /// From the second duration of each step on: what is said about the first is not the step's.
    #[must_use]
    pub fn score(&self, step: Option<&str>) -> Option<Score> {
        if let Some(step) = step {
            return self.step_of.get(step).map(|&idx| self.steps[idx as usize].score);
        }
        let mut total = Score::default();
        self.steps.iter().for_each(|step| total.merge(&step.score));
        Some(total)
    }

    /// How many steps are known.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.steps.len()
    }

    /// How many kinds are known.
    #[must_use]
    pub fn n_kinds(&self) -> usize {
        self.kinds.len()
    }

    /// How many durations were observed, failures apart.
    #[must_use]
    pub fn n_durations(&self) -> u64 {
        self.steps.iter().map(|step| step.durations.n).sum()
    }

    /// Returns everything: steps and kinds by name, and the pool of all.
    #[must_use]
    pub fn to_states(&self) -> States {
        let kind_names: BTreeMap<u32, &str> =
            self.kind_of.iter().map(|(name, &idx)| (idx, &**name)).collect();
        let steps = self.step_of.iter().map(|(name, &idx)| {
            let step = &self.steps[idx as usize];
            let kind = step.kind.and_then(|kind| kind_names.get(&kind)).map(|&kind| kind.to_owned());
            (name.to_string(), step.to_state(kind))
        });
        let kinds =
            self.kind_of.iter().map(|(name, &idx)| (name.to_string(), self.kinds[idx as usize].to_state()));
        (steps.collect(), kinds.collect(), self.all.to_state())
    }

    /// Returns what was written down, or the name of what cannot have been.
    pub fn from_states(
        steps: &[(String, StepState)],
        kinds: &[(String, KindState)],
        all: &KindState,
    ) -> Result<Self, String> {
        let mut book = Self { all: Pool::from_state(all).ok_or("all")?, ..Self::default() };
        for (name, state) in kinds {
            let idx = index_of(&mut book.kind_of, &mut book.kinds, name);
            book.kinds[idx] = Pool::from_state(state).ok_or_else(|| name.clone())?;
        }
        for (name, state) in steps {
            let kind = match &state.kind {
                Some(kind) => Some(*book.kind_of.get(kind.as_str()).ok_or_else(|| name.clone())?),
                None => None,
            };
            let idx = index_of(&mut book.step_of, &mut book.steps, name);
            book.steps[idx] = Step::from_state(state, kind).ok_or_else(|| name.clone())?;
        }
        Ok(book)
    }
}

/// Returns the index of a name, which is added if it is new.
fn index_of<T: Default>(indices: &mut BTreeMap<Box<str>, u32>, values: &mut Vec<T>, name: &str) -> usize {
    if let Some(&idx) = indices.get(name) {
        return idx as usize;
    }
    indices.insert(name.into(), values.len() as u32);
    values.push(T::default());
    values.len() - 1
}

impl Pool {
    fn to_state(&self) -> KindState {
        let means = [self.changes, self.changes_of_steps, self.cpu_share];
        KindState {
            durations_ns: self.window.values(),
            numbers: means.iter().flat_map(|mean| [mean.n as f64, mean.mean]).collect(),
        }
    }

    fn from_state(state: &KindState) -> Option<Self> {
        let numbers: [f64; N_POOL_NUMBERS] = state.numbers.as_slice().try_into().ok()?;
        if !are_amounts(&numbers) || !are_amounts(&state.durations_ns) {
            return None;
        }
        let mean = |idx: usize| RunningMean { n: whole(numbers[idx]), mean: numbers[idx + 1] };
        let window = Window::from_values(state.durations_ns.iter().copied());
        Some(Self { window, changes: mean(0), changes_of_steps: mean(2), cpu_share: mean(4) })
    }
}

impl Step {
    fn to_state(&self, kind: Option<String>) -> StepState {
        let (durations_ns, residuals_ns, of_estimator) = self.estimator.to_parts();
        let score = &self.score;
        let mut numbers = of_estimator.to_vec();
        numbers.extend([self.durations.n as f64, self.durations.mean_ns]);
        numbers.extend([self.cpu_share.n as f64, self.cpu_share.mean]);
        numbers.extend([score.n as f64, score.n_below as f64, score.n_above as f64]);
        numbers.extend(score.losses_ns);
        numbers.extend([score.off_mean_ns, score.off_last_ns]);
        let failures_ns = self.failures_ns.iter().copied().collect();
        StepState { kind, durations_ns, residuals_ns, failures_ns, numbers }
    }

    fn from_state(state: &StepState, kind: Option<u32>) -> Option<Self> {
        let numbers: [f64; N_STEP_NUMBERS] = state.numbers.as_slice().try_into().ok()?;
        let (of_estimator, own) = numbers.split_first_chunk::<{ estimator::N_NUMBERS }>()?;
        let estimator = Estimator::from_parts(&state.durations_ns, &state.residuals_ns, *of_estimator)?;
        if !are_amounts(own) {
            return None;
        }
        let [
            n,
            mean_ns,
            n_shares,
            share,
            n_scored,
            n_below,
            n_above,
            low,
            median,
            high,
            off_mean_ns,
            off_last_ns,
        ] = *own.first_chunk()?;
        Some(Self {
            kind,
            estimator,
            durations: Mean { n: whole(n), mean_ns },
            failures_ns: state.failures_ns.iter().copied().take(N_FAILURES).collect(),
            cpu_share: RunningMean { n: whole(n_shares), mean: share },
            score: Score {
                n: whole(n_scored),
                n_below: whole(n_below),
                n_above: whole(n_above),
                losses_ns: [low, median, high],
                off_mean_ns,
                off_last_ns,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(duration_ns: u64) -> Observation {
        Observation { duration_ns, size: None, is_failed: false, n_concurrent: 1, cpu_ns: None }
    }

    #[test]
    fn test_a_new_step_falls_back_on_its_kind_and_then_on_all() {
        let mut book = Book::default();
        assert_eq!(book.predict("a", Some("disk"), None, &[0.5]), None);
        book.observe("a", Some("disk"), took(100));
        book.observe("b", Some("net"), took(900));
        let source_of = |step, kind| book.predict(step, kind, None, &[0.5]).unwrap();
        assert_eq!(source_of("a", None).quantiles_ns, [100]);
        assert_eq!(source_of("c", Some("net")), Predicted { source: Source::Kind, quantiles_ns: vec![900] });
        assert_eq!(source_of("c", Some("new")), Predicted { source: Source::All, quantiles_ns: vec![500] });
        assert_eq!(source_of("c", None).source, Source::All);
    }

    #[test]
    fn test_a_new_step_borrows_its_spread() {
        let width_after = |others: [u64; 2]| {
            let mut book = Book::default();
            for k in 0..40 {
                book.observe("other", Some("disk"), took(others[k % 2]));
            }
            book.observe("new", Some("disk"), took(1_000));
            let predicted = book.predict("new", None, None, &[0.05, 0.95]).unwrap();
            assert_eq!(predicted.source, Source::Step);
            predicted.quantiles_ns[1] - predicted.quantiles_ns[0]
        };
        assert!(width_after([100, 101]) < width_after([100, 300]) / 4);
    }

    #[test]
    fn test_failures_stay_apart() {
        let mut book = Book::default();
        book.observe("a", None, took(100));
        let before = book.predict("a", None, None, &LEVELS);
        book.observe("a", None, Observation { is_failed: true, ..took(5_000) });
        assert_eq!(book.predict("a", None, None, &LEVELS), before);
        assert_eq!(book.longest_failure_ns("a"), Some(5_000));
        assert_eq!(book.longest_failure_ns("b"), None);
        (0..16).for_each(|k| book.observe("a", None, Observation { is_failed: true, ..took(k) }));
        assert_eq!(book.longest_failure_ns("a"), Some(15));
        assert_eq!(book.n_durations(), 1);
    }

    #[test]
    fn test_waiting_for_others_is_no_work() {
        let mut book = Book::default();
        (0..5).for_each(|_| book.observe("a", None, Observation { cpu_ns: Some(100), ..took(100) }));
        let beside = Observation { cpu_ns: Some(100), n_concurrent: 4, ..took(400) };
        (0..20).for_each(|_| book.observe("a", None, beside));
        assert_eq!(book.predict("a", None, None, &LEVELS).unwrap().quantiles_ns, [100; 3]);
    }

    #[test]
    fn test_states_are_the_whole() {
        let mut book = Book::default();
        for k in 0..300_u64 {
            let step = ["a", "b", "c"][k as usize % 3];
            let observation = Observation {
                size: (k % 5 != 0).then_some(k),
                is_failed: k % 7 == 0,
                cpu_ns: Some(k),
                n_concurrent: 1 + (k % 2) as u32,
                ..took(1_000 + k * k % 997)
            };
            book.observe(step, (k % 2 == 0).then_some("kind"), observation);
        }
        let (steps, kinds, all) = book.to_states();
        let read = Book::from_states(&steps, &kinds, &all).unwrap();
        assert_eq!(read.to_states(), book.to_states());
        assert_eq!(read.predict("b", None, Some(9), &LEVELS), book.predict("b", None, Some(9), &LEVELS));
        assert_eq!(Book::from_states(&steps, &[], &all), Err("a".to_owned()));
        let mut broken = steps.clone();
        broken[1].1.numbers[0] = f64::NAN;
        assert_eq!(Book::from_states(&broken, &kinds, &all), Err("b".to_owned()));
        broken[1].1.numbers.pop();
        assert_eq!(Book::from_states(&broken, &kinds, &all), Err("b".to_owned()));
    }
}
