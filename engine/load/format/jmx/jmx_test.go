package jmx

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/format"
	"gameday/engine/load/web"
)

const fixture = "../../../../testdata/load/formats/shop.jmx"

// plan wraps elements in a test plan with one thread group of one user.
func plan(inGroup string) []byte {
	return []byte(`<jmeterTestPlan><hashTree><TestPlan testname="P"/><hashTree>
<ThreadGroup testname="G"><stringProp name="ThreadGroup.num_threads">6</stringProp></ThreadGroup><hashTree>` + inGroup + `</hashTree></hashTree></hashTree></jmeterTestPlan>`)
}

func request(name, more string) string {
	return fmt.Sprintf(`<HTTPSamplerProxy testname=%q><stringProp name="HTTPSampler.domain">h</stringProp><stringProp name="HTTPSampler.path">/%s</stringProp>%s</HTTPSamplerProxy><hashTree/>`, name, name, more)
}

func controller(kind, props, inside string) string {
	return `<` + kind + ` testname="` + kind + `">` + props + `</` + kind + `><hashTree>` + inside + `</hashTree>`
}

func prop(name, value string) string {
	return `<stringProp name="` + name + `">` + value + `</stringProp>`
}

func convert(t *testing.T, inGroup string) *format.Result {
	t.Helper()
	res, err := Convert(plan(inGroup), Options{})
	require.NoError(t, err)
	return res
}

func TestShop(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	res, err := Convert(data, Options{})
	require.NoError(t, err)
	p := res.Plan
	require.Equal(t, "https://shop.example.com:8443", p.Target)
	require.Equal(t, map[string]string{"version": "2", "tier": "gold"}, p.Vars)
	require.Len(t, p.Scenarios, 3)
	buys, waves, steps := p.Scenarios[0], p.Scenarios[1], p.Scenarios[2]
	require.Equal(t, []load.Stage{{To: 0, For: 5 * time.Second}, {To: 40, For: 30 * time.Second}, {To: 40, For: 270 * time.Second}}, buys.Executor.Stages)
	browse := buys.Steps[0].Group
	require.Equal(t, "Browse", browse.Name)
	require.Equal(t, load.ThinkTime{Min: 500 * time.Millisecond, Max: 2 * time.Second}, *browse.Steps[0].Pause, "a timer waits before a request")
	search := browse.Steps[1]
	require.Equal(t, "Search", search.Name)
	require.Equal(t, "/v${version}/search?q=red+shoes+%26+socks&tier=${tier}", search.Path)
	require.Equal(t, 4*time.Second, search.Timeout)
	require.True(t, search.Check.Status.Has(200))
	require.False(t, search.Check.Status.Has(201))
	require.Equal(t, "sku", search.Extract[0].Name)
	some := buys.Steps[1].Share
	require.Equal(t, load.Share(0.25), some.Of)
	require.Equal(t, 2, some.Steps[0].Repeat.Times)
	cart := some.Steps[0].Repeat.Steps[1]
	require.Equal(t, `{"id":"{{uuid}}","by":"c{{user}}"}`, cart.Body)
	require.Equal(t, "application/json", cart.Headers["Content-Type"])
	require.NotContains(t, search.Headers, "Content-Type", "a header manager below a sampler is that sampler's")
	require.Equal(t, 30.0, waves.Executor.Stages[2].To, "rows of an ultimate thread group add up")
	require.Len(t, waves.Steps, 2)
	require.Equal(t, "https://stats.example.net:8443", waves.Steps[1].Target, "to another host")
	require.Len(t, steps.Steps, 1)
	require.Equal(t, "DELETE", steps.Steps[0].Random[1].Method)
	require.Equal(t, load.CookiesPerUser, p.Cookies)
	require.Equal(t, []string{"customer"}, p.Feeds[0].Columns)
	table := res.Coverage.String()
	for _, want := range []string{"CSVDataSet", "RegexExtractor", "JSR223Sampler", "CookieManager", "HTTPSamplerProxy to another host", "disabled in the plan", "each thread group takes all rows"} {
		require.Contains(t, table, want)
	}
	require.NotContains(t, table+string(res.YAML), "s3cr3t")
}

func TestUltimateProfile(t *testing.T) {
	got := stages([]ramp{{height: 10, up: 10 * time.Second, hold: 60 * time.Second, down: 10 * time.Second}, {height: 20, delay: 30 * time.Second, hold: 20 * time.Second}})
	s := time.Second
	require.Equal(t, []load.Stage{{To: 10, For: 10 * s}, {To: 10, For: 20 * s}, {To: 30}, {To: 30, For: 20 * s}, {To: 10}, {To: 10, For: 20 * s}, {To: 0, For: 10 * s}}, got)
}

func TestGroups(t *testing.T) {
	group := func(kind, props string) *load.Executor {
		text := `<jmeterTestPlan><hashTree><TestPlan testname="P"/><hashTree><` + kind + ` testname="G">` + props + `</` + kind + `><hashTree>` + request("a", "") + `</hashTree></hashTree></hashTree></jmeterTestPlan>`
		res, err := Convert([]byte(text), Options{})
		require.NoError(t, err)
		return res.Plan.Scenarios[0].Executor
	}
	loop := func(n string) string {
		return `<elementProp name="ThreadGroup.main_controller">` + prop("LoopController.loops", n) + `</elementProp>`
	}
	s := time.Second
	e := group("ThreadGroup", prop("ThreadGroup.num_threads", "5")+loop("-1"))
	require.Equal(t, load.ConstantUsers, e.Kind)
	require.Equal(t, 5, e.Users)
	e = group("ThreadGroup", prop("ThreadGroup.num_threads", "10")+prop("ThreadGroup.ramp_time", "20")+prop("ThreadGroup.scheduler", "true")+prop("ThreadGroup.duration", "10")+loop("-1"))
	require.Equal(t, []load.Stage{{To: 5, For: 10 * s}}, e.Stages, "a ramp that is cut off")
	e = group("com.blazemeter.jmeter.threads.arrivals.ArrivalsThreadGroup", prop("TargetLevel", "120")+prop("RampUp", "1")+prop("Hold", "2")+prop("Unit", "M")+prop("ConcurrencyLimit", "77"))
	require.Equal(t, load.RampingRate, e.Kind)
	require.Equal(t, []load.Stage{{To: 2, For: 60 * s}, {To: 2, For: 120 * s}}, e.Stages)
	require.Equal(t, 77, e.MaxConnections)
	e = group("com.blazemeter.jmeter.threads.arrivals.FreeFormArrivalsThreadGroup", `<collectionProp name="Schedule"><collectionProp name="1">`+prop("1", "1")+prop("2", "10")+prop("3", "60")+`</collectionProp><collectionProp name="2">`+prop("1", "5")+prop("2", "5")+prop("3", "30")+`</collectionProp></collectionProp>`+prop("Unit", "S"))
	require.Equal(t, 1.0, e.Rate)
	require.Equal(t, []load.Stage{{To: 10, For: 60 * s}, {To: 5}, {To: 5, For: 30 * s}}, e.Stages)
	e = group("kg.apc.jmeter.threads.SteppingThreadGroup", prop("ThreadGroup.num_threads", "10")+prop("Start users count", "5")+prop("Start users period", "30")+prop("flighttime", "60")+prop("Stop users count", "10")+prop("Stop users period", "1"))
	require.Equal(t, []load.Stage{{To: 5}, {To: 5, For: 30 * s}, {To: 10}, {To: 10, For: 90 * s}}, e.Stages)
}

func TestControllers(t *testing.T) {
	res := convert(t, request("a", "")+controller("RandomController", "", request("b", "")+request("c", ""))+controller("GenericController", "", request("d", "")))
	steps := res.Plan.Scenarios[0].Steps
	require.Len(t, steps, 3)
	require.Equal(t, []string{"b", "c"}, names(steps[1].Random))
	require.Equal(t, "d", steps[2].Name)

	res = convert(t, controller("IfController", prop("IfController.condition", "${__groovy(new File(1))}"), request("hidden", ""))+request("seen", ""))
	require.Equal(t, []string{"seen"}, names(res.Plan.Scenarios[0].Steps))
	require.Contains(t, res.Coverage.String(), "P/G/IfController: scripts are not run")
	require.Contains(t, res.Coverage.String(), "P/G/IfController/hidden: belongs to something that is not converted")

	res = convert(t, controller("LoopController", prop("LoopController.loops", "3"), request("a", "")))
	require.Equal(t, 3, res.Plan.Scenarios[0].Steps[0].Repeat.Times)

	pause := `<TestAction testname="Wait">` + prop("ActionProcessor.action", "1") + prop("ActionProcessor.duration", "${__Random(100,250)}") + `</TestAction><hashTree/>`
	res = convert(t, request("a", "")+pause+request("b", ""))
	require.Equal(t, load.ThinkTime{Min: 100 * time.Millisecond, Max: 250 * time.Millisecond}, *res.Plan.Scenarios[0].Steps[1].Pause)

	two := request("x", "") + request("y", "")
	res = convert(t, controller("RandomOrderController", "", two)+controller("InterleaveControl", "", two)+controller("OnceOnlyController", "", two))
	steps = res.Plan.Scenarios[0].Steps
	require.Equal(t, []int{2, 2, 2}, []int{len(steps[0].Shuffle), len(steps[1].Turns), len(steps[2].Once)})
	require.Zero(t, res.Coverage.Count(format.Approximated))

	res = convert(t, controller("SwitchController", prop("SwitchController.value", "${__Random(0,1,way)}"), two)+controller("WhileController", prop("WhileController.condition", "LAST"), two))
	steps = res.Plan.Scenarios[0].Steps
	require.Equal(t, "^(?:1|y)$", steps[len(steps)-2].If.Matches)
	require.Equal(t, "{{lastok}}", steps[len(steps)-1].While.Value)

	loop := controller("LoopController", prop("LoopController.loops", "-1"), two)
	res = convert(t, request("login", "")+loop+request("never", ""))
	steps = res.Plan.Scenarios[0].Steps
	require.Equal(t, "login", steps[0].Once[0].Name, "what is before an endless loop is done once")
	require.Equal(t, []string{"x", "y"}, names(steps[1:]))

	pace := `<ConstantThroughputTimer testname="Pace"><intProp name="calcMode">1</intProp><doubleProp><name>throughput</name><value>600.0</value><savedValue>0.0</savedValue></doubleProp></ConstantThroughputTimer><hashTree/>`
	res = convert(t, pace+request("a", "")+request("b", ""))
	e := res.Plan.Scenarios[0].Executor
	require.Equal(t, load.ConstantRate, e.Kind)
	require.Equal(t, 5.0, e.Rate, "600 requests a minute, two for each iteration")
}

func names(list []load.Step) (out []string) {
	for _, s := range list {
		out = append(out, s.Name)
	}
	return out
}

func TestValues(t *testing.T) {
	c := func() *converter {
		return &converter{cov: &format.Coverage{}, draft: &format.Draft{}, vars: map[string]string{"a": "A B", "b": "${a}!", "loop": "${loop}"}, group: "G", live: map[string]string{"user": "user_", "sku": "sku"}}
	}
	for in, want := range map[string]string{
		"plain":                          "plain",
		"x{{y ${a}":                      "x{{pick {{}}y ${a}",
		"${b}":                           "${a}!",
		"${__Random(1,6)}":               "{{random 1 6}}",
		"${__Random(1,${__P(n,9)},v)}":   "{{v}}",
		"${__chooseRandom(r,g,x)}":       "{{x}}",
		"${__UUID()}":                    "{{uuid}}",
		"${__counter(FALSE,)}":           "{{count 1}}",
		"${__P(port,80)}":                "${port}",
		"${__P(none)}":                   "${none}",
		"${__threadGroupName}":           "G",
		"${__time(yyyy,)}":               "$${__time(yyyy,)}",
		"${__time(,)}${__time(/1000,)}":  "{{time}}{{time s}}",
		"${__RandomString(8,,)}":         "{{text 8}}",
		"${__RandomString(2,ab,)}":       "{{pick a b}}{{pick a b}}",
		"${__threadNum}":                 "{{user}}",
		"${user}-${sku}":                 "{{user_}}-{{sku}}",
		"${__V(sku)}":                    "{{sku}}",
		"${__eval(x${sku}y)}":            "x{{sku}}y",
		"${__urlencode(a b${sku})}":      "a+b{{url sku}}",
		"${__CSVRead(a.csv,1)}":          "{{csv1_1}}",
		"${JMeterThread.last_sample_ok}": "{{lastok}}",
		"${__groovy(1+1)}":               "$${__groovy(1+1)}",
		"${unset}":                       "${unset}",
		"${env:HOME}":                    "$${env:HOME}",
		"${__env(TOKEN)}":                "${env:TOKEN}",
		"${broken":                       "$${broken",
		"${__Random(6,1)}":               "$${__Random(6,1)}",
	} {
		require.Equal(t, want, c().text(in, "x"), in)
	}
	require.NotContains(t, c().text("${loop}", "x"), "panic", "a circle ends")
	require.Equal(t, "a+b%26${a}", c().escaped("a b&${a}", "x"))
}

// TestHowSamplersSpeak: redirects, connections and who asks.
func TestHowSamplersSpeak(t *testing.T) {
	const follow = `<boolProp name="HTTPSampler.follow_redirects">true</boolProp>`
	manager := func(entries string) string {
		return `<AuthManager testname="A"><collectionProp name="AuthManager.auth_list">` + entries + `</collectionProp></AuthManager><hashTree/>`
	}
	entry := func(url, user, password, mechanism string) string {
		return `<elementProp name="" elementType="Authorization">` + prop("Authorization.url", url) + prop("Authorization.username", user) +
			prop("Authorization.password", password) + prop("Authorization.mechanism", mechanism) + `</elementProp>`
	}
	res := convert(t, request("a", follow)+request("b", follow))
	require.Equal(t, 20, *res.Plan.HTTP.Redirects, "what all have in common is the plan's")
	require.Zero(t, res.Coverage.Count(format.NotConverted), res.Coverage.String())

	res = convert(t, manager(entry("", "ann", "geheim", "BASIC")+entry("http://h/b", "bob", "${pw}", ""))+
		request("a", follow)+request("b", "")+request("c", `<boolProp name="HTTPSampler.use_keepalive">false</boolProp>`))
	require.Nil(t, res.Plan.HTTP)
	steps := res.Plan.Scenarios[0].Steps
	require.Equal(t, 20, *steps[0].HTTP.Redirects)
	require.Equal(t, web.Basic{User: "ann", Password: "${env:LOAD_PASSWORD}"}, *steps[0].HTTP.Auth.Basic)
	require.Equal(t, "bob", steps[1].HTTP.Auth.Basic.User)
	require.Nil(t, steps[1].HTTP.Redirects)
	require.Equal(t, "request", steps[2].HTTP.Connections)
	require.NotContains(t, string(res.YAML)+res.Coverage.String(), "geheim")

	res = convert(t, manager(entry("", "ann", "x", "KERBEROS")+entry("", "a:b", "x", "BASIC"))+request("a", ""))
	require.Equal(t, 2, res.Coverage.Count(format.NotConverted), res.Coverage.String())
	require.Nil(t, res.Plan.HTTP)
}

func TestHostilePlans(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><jmeterTestPlan>&b;</jmeterTestPlan>`
	outside := `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><jmeterTestPlan>&a;</jmeterTestPlan>`
	for name, tc := range map[string]struct{ text, want string }{
		"bomb":     {bomb, "document type"},
		"outside":  {outside, "document type"},
		"entity":   {"<jmeterTestPlan>&a;</jmeterTestPlan>", "not a JMeter plan"},
		"deep":     {"<jmeterTestPlan>" + strings.Repeat("<hashTree>", 1000), "deeper"},
		"other":    {"<html></html>", "jmeterTestPlan"},
		"cut":      {"<jmeterTestPlan><hashTree>", "cut off"},
		"crossed":  {"<jmeterTestPlan><a></b>", "closes nothing"},
		"empty":    {"", "not a JMeter plan"},
		"encoding": {`<?xml version="1.0" encoding="EBCDIC"?><jmeterTestPlan/>`, "encoding"},
		"nothing":  {"<jmeterTestPlan/>", "nothing in it"},
	} {
		_, err := Convert([]byte(tc.text), Options{})
		require.ErrorContains(t, err, tc.want, name)
	}
	// Variables that unfold to billions are cut.
	var laughs strings.Builder
	for i := range 15 {
		fmt.Fprintf(&laughs, `<elementProp><stringProp name="Argument.name">v%d</stringProp><stringProp name="Argument.value">%s</stringProp></elementProp>`, i, strings.Repeat(fmt.Sprintf("${v%d}", i+1), 10))
	}
	udv := `<Arguments testname="A"><collectionProp name="Arguments.arguments">` + laughs.String() + `</collectionProp></Arguments><hashTree/>`
	res := convert(t, udv+request("a", prop("HTTPSampler.method", "GET"))+strings.Replace(request("b", ""), "/b", "/${v0}", 1))
	require.Less(t, len(res.YAML), 1<<20)
	// Comments between the letters of a text do not make it slow.
	_, err := parse([]byte("<jmeterTestPlan>" + strings.Repeat("a<!---->", 300_000) + "</jmeterTestPlan>"))
	require.NoError(t, err)
	// Loops in loops and choices in choices stay small.
	inside := request("a", "")
	for range 8 {
		inside = controller("LoopController", prop("LoopController.loops", "1000000"), inside)
	}
	res = convert(t, inside)
	require.LessOrEqual(t, res.Plan.Scenarios[0].Steps[0].Repeat.Times, maxRounds)
	_, err = Convert(plan(strings.Repeat("<LoopController/><hashTree>", 40)+request("a", "")+strings.Repeat("</hashTree>", 40)), Options{})
	require.ErrorContains(t, err, "nested", "deeper than a plan can be")
	choices := strings.Repeat(controller("RandomController", "", request("a", "")+request("b", "")+request("c", "")), 20)
	res = convert(t, choices)
	require.Len(t, res.Plan.Scenarios[0].Steps, 20)
}

func FuzzJMX(f *testing.F) {
	data, err := os.ReadFile(fixture)
	require.NoError(f, err)
	f.Add(data)
	f.Add(plan(request("a", prop("HTTPSampler.path", "${__P(${a},${__Random(1,2)})}/{{"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res, err := Convert(data, Options{}); err == nil {
			require.NotNil(t, res.Plan)
		}
	})
}
