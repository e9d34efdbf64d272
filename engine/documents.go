package engine

import (
	"fmt"
	"path/filepath"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/engine/load"
	"gameday/sources/spec"
)

// documents are the experiments and load plans that came with the session, parsed once. A broken one is kept with its
// error: it is listed, and says what is wrong when it is picked.
type documents struct {
	experiments map[string]parsedExperiment
	plans       map[string]parsedPlan
}

type parsedExperiment struct {
	exp *experiment.Experiment
	err error
}

type parsedPlan struct {
	plan *load.Plan
	err  error
}

func parseDocuments(cfg Config, faults []chaos.Fault) documents {
	d := documents{experiments: map[string]parsedExperiment{}, plans: map[string]parsedPlan{}}
	for _, doc := range cfg.LoadPlans {
		var p parsedPlan
		if parsed, err := spec.Parse(doc.File, doc.Data); err != nil {
			p.err = err
		} else {
			p.plan, p.err = load.ParsePlan(parsed)
		}
		if p.err == nil {
			p.plan.In(filepath.Dir(doc.File)) // where the files are that it names
			p.err = doc.Err
		}
		d.plans[doc.ID] = p
	}
	for _, doc := range cfg.Experiments {
		var p parsedExperiment
		p.exp, p.err = ParseExperiment(doc.File, doc.Data, faults)
		if p.err == nil && cfg.ExperimentSeed != nil {
			p.exp.Seed = *cfg.ExperimentSeed
		}
		d.experiments[doc.ID] = p
	}
	return d
}

// errNoExperiment names what there is.
func (d documents) errNoExperiment(id string, docs []Document) error {
	ids := make([]string, len(docs))
	for i := range docs {
		ids[i] = docs[i].ID
	}
	return fmt.Errorf("there is no experiment %s%s", spec.Quote(id), spec.DidYouMean(id, ids))
}
