package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"latchkey/daemon/load"
)

// comparison is what "latchkey bench compare --json" prints.
type comparison struct {
	Version int         `json:"version"`
	First   comparedRun `json:"first"`
	Second  comparedRun `json:"second"`
	// Noise is the largest difference that counts as none, in percent.
	Noise float64 `json:"noise_percent"`
	// Differences say in what the runs' settings differ; there are some with --anyway only.
	Differences []string      `json:"differences"`
	Figures     []load.Figure `json:"figures"`
}

// comparedRun says which run it is.
type comparedRun struct {
	File          string `json:"file"`
	Server        string `json:"server"`
	ServerVersion string `json:"server_version,omitempty"`
	Started       string `json:"started"`
	Calls         int64  `json:"calls"`
	Failed        int64  `json:"failed"`
}

// benchCompare is "latchkey bench compare".
func (a *app) benchCompare() *cobra.Command {
	var noise float64
	var anyway bool
	cmd := &cobra.Command{
		Use:   "compare FIRST SECOND",
		Short: "Compare two runs that \"latchkey bench --out\" has written",
		Long: `compare prints the rate and the times of both runs and the second divided by the first, and says what to make of it: "faster" and
"slower" are about the second run; a difference of up to --noise percent is "within noise"; and "too few calls" means that single calls
decide where the figure is (fewer than 10 calls are beyond that percentile, or fewer than 100 were made). Two runs of the same server
show how much noise there is with you.

Runs with another mix, another number of connections, another rate or another check are not compared, since the difference would say
nothing about the servers; --anyway compares them and says in what they differ. Nothing is sent.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("bench compare takes two files")
			}
			return nil
		},
	}
	cmd.Flags().Float64Var(&noise, "noise", 5, "the largest difference that counts as none, in `percent`")
	cmd.Flags().BoolVar(&anyway, "anyway", false, "compare runs that were made in different ways")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if !(noise >= 0 && noise < 100) {
			return usageError{fmt.Errorf("a noise of %g percent is out of the question; it is 0 or more and less than 100", noise)}
		}
		first, err := readRun(args[0])
		if err != nil {
			return err
		}
		second, err := readRun(args[1])
		if err != nil {
			return err
		}
		differences := load.Differences(first, second)
		if len(differences) > 0 && !anyway {
			return hinted{
				usageError{fmt.Errorf("%s and %s differ in their %s", args[0], args[1], strings.Join(differences, "; "))},
				"Make the runs alike, or compare them with --anyway.",
			}
		}
		return a.showComparison(args, [2]load.Report{first, second}, noise, differences)
	}
	return cmd
}

// readRun reads the file of a run.
func readRun(path string) (load.Report, error) {
	opened, err := os.Open(path)
	if err != nil {
		return load.Report{}, usageError{err}
	}
	defer opened.Close()
	report, err := load.ReadReport(opened)
	if err != nil {
		return load.Report{}, usageError{fmt.Errorf("%s is no run: %w", path, err)}
	}
	return report, nil
}

// showComparison prints a comparison.
func (a *app) showComparison(files []string, runs [2]load.Report, noise float64, differences []string) error {
	result := comparison{
		Version: load.ReportVersion, First: compared(files[0], runs[0]), Second: compared(files[1], runs[1]), Noise: noise,
		Differences: append([]string{}, differences...), Figures: load.Compare(runs[0], runs[1], noise/100),
	}
	var text strings.Builder
	for i, run := range []comparedRun{result.First, result.Second} {
		fmt.Fprintf(&text, "%d: %s, %s, %s", i+1, printable(run.File), printable(run.Started), printable(run.Server))
		if run.ServerVersion != "" {
			text.WriteString(", version " + printable(run.ServerVersion))
		}
		fmt.Fprintf(&text, "\n   %s\n", runText(runs[i]))
		if run.Failed > 0 {
			fmt.Fprintf(&text, "   %d of %d calls failed (%.2f %%); the figures are those of the others\n", run.Failed, run.Calls, 100*share(run.Failed, run.Calls))
		}
		if runs[i].Interrupted {
			text.WriteString("   it was ended early\n")
		}
	}
	for _, difference := range differences {
		fmt.Fprintf(&text, "The runs differ in their %s.\n", printable(difference))
	}
	var rows [][]string
	for _, f := range result.Figures {
		name := f.Name + " ms"
		if f.Name == "rate" {
			name = "per second"
		}
		ratio := "-"
		if f.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", *f.Ratio)
		}
		rows = append(rows, []string{f.Kind, name, figure(f.First), figure(f.Second), ratio, string(f.Verdict)})
	}
	text.WriteString("\n" + rowsText([]string{"KIND", "FIGURE", "FIRST", "SECOND", "RATIO", "SECOND IS"}, rows))
	return a.show(result, strings.TrimSuffix(text.String(), "\n"))
}

// compared returns which run it is, and how many of its calls failed.
func compared(file string, r load.Report) comparedRun {
	run := comparedRun{File: file, Server: r.Server, ServerVersion: r.ServerVersion, Started: r.Started}
	for _, k := range r.Kinds {
		run.Calls += k.Calls
		run.Failed += k.FailedCalls()
	}
	return run
}
