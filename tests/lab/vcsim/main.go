// A small vCenter simulator for tests and demos, built on the simulator
// packages that Debian ships in golang-github-vmware-govmomi-dev.
//
// It adds what a client test suite needs and the packages alone lack: call and
// login counters, a control port (drop sessions, outages, fault injection,
// seeding, churn), strict authentication, and a property collector that pages,
// truncates and numbers its versions.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/vmware/govmomi/cns/simulator"
	_ "github.com/vmware/govmomi/lookup/simulator"
	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/cluster/simulator"
	_ "github.com/vmware/govmomi/vapi/namespace/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

type options struct {
	listen, control           string
	tls                       bool
	certFile, keyFile         string
	certOut, certKind, names  string
	certDays                  int
	user, pass                string
	anyLogin, strictAuth      bool
	model                     string
	delay, bulk               int
	jitter                    float64
	methodDelay               string
	collector                 string
	coalesce                  time.Duration
	maxUpdates, maxPage       int
	seed, trace, ready, tmp   string
	idle                      time.Duration
	parent, verbose, keepTask bool
	version, build, apiVer    string
	uuid                      string
}

func main() {
	var o options
	vpx := simulator.VPX()

	flag.StringVar(&o.listen, "listen", "127.0.0.1:8989", "address of the vSphere API (port 0 picks one)")
	flag.StringVar(&o.control, "control", "127.0.0.1:0", "address of the control port ('' for none)")
	flag.BoolVar(&o.tls, "tls", true, "serve TLS")
	flag.StringVar(&o.certFile, "cert", "", "certificate chain in PEM, with -key (made and kept there when missing; default: made at every start)")
	flag.StringVar(&o.keyFile, "key", "", "private key in PEM")
	flag.StringVar(&o.certKind, "cert-kind", "self", "certificate made at start: self (self-signed) or ca (own CA and a leaf)")
	flag.StringVar(&o.certOut, "cert-out", "", "write the trust anchor of the made certificate here in PEM")
	flag.IntVar(&o.certDays, "cert-days", 30, "days the made certificate is valid (negative: expired)")
	flag.StringVar(&o.names, "cert-names", "localhost,127.0.0.1,::1", "names and addresses in the made certificate")
	flag.StringVar(&o.user, "user", "administrator@vsphere.local", "user name that may log in")
	flag.StringVar(&o.pass, "pass", "vcsim", "its password")
	flag.BoolVar(&o.anyLogin, "any-login", false, "accept any non-empty user name and password")
	flag.BoolVar(&o.strictAuth, "strict-auth", true, "answer NotAuthenticated to every call without a live session, property reads too")
	flag.StringVar(&o.model, "model", "vpx", "vpx (a vCenter) or esx (one host)")
	flag.IntVar(&vpx.Datacenter, "dc", vpx.Datacenter, "datacenters")
	flag.IntVar(&vpx.Cluster, "cluster", vpx.Cluster, "clusters per datacenter")
	flag.IntVar(&vpx.ClusterHost, "host", vpx.ClusterHost, "hosts per cluster")
	flag.IntVar(&vpx.Host, "standalone-host", vpx.Host, "standalone hosts per datacenter")
	flag.IntVar(&vpx.Pool, "pool", vpx.Pool, "resource pools per cluster, below its root pool")
	flag.IntVar(&vpx.Machine, "vm", vpx.Machine, "virtual machines per cluster, standalone host and vApp")
	flag.IntVar(&o.bulk, "bulk", 0, "further virtual machines per cluster, copied in memory: fast, but without files on a datastore")
	flag.IntVar(&vpx.Datastore, "ds", vpx.Datastore, "datastores per datacenter")
	flag.IntVar(&vpx.Portgroup, "pg", vpx.Portgroup, "distributed portgroups per datacenter")
	flag.IntVar(&vpx.OpaqueNetwork, "nsx", vpx.OpaqueNetwork, "NSX opaque networks per datacenter")
	flag.IntVar(&vpx.PortgroupNSX, "nsx-pg", vpx.PortgroupNSX, "NSX backed distributed portgroups per datacenter")
	flag.IntVar(&vpx.Folder, "folder", vpx.Folder, "datacenters to put into a folder, each with sub-folders")
	flag.IntVar(&vpx.App, "app", vpx.App, "vApps per cluster")
	flag.IntVar(&vpx.Pod, "pod", vpx.Pod, "storage pods per datacenter")
	flag.BoolVar(&vpx.Autostart, "autostart", true, "power the made virtual machines on")
	flag.IntVar(&o.delay, "delay", 0, "milliseconds added to every SOAP call")
	flag.StringVar(&o.methodDelay, "method-delay", "", "milliseconds for single methods: Name:ms,Name:ms")
	flag.Float64Var(&o.jitter, "delay-jitter", 0, "standard deviation of the delay over its mean")
	flag.StringVar(&o.collector, "collector", "strict", "property collector: strict (pages, truncates, numbers versions) or stock (the package's own)")
	flag.DurationVar(&o.coalesce, "coalesce", 50*time.Millisecond, "strict collector: how long changes gather before WaitForUpdatesEx answers")
	flag.IntVar(&o.maxUpdates, "max-updates", 0, "strict collector: object updates per answer even when the client sets no limit (0: none)")
	flag.IntVar(&o.maxPage, "max-page", 0, "strict collector: objects per RetrievePropertiesEx answer even when the client sets no limit (0: none)")
	flag.DurationVar(&o.idle, "idle", 0, "end sessions idle for this long (0: never)")
	flag.StringVar(&o.version, "product-version", "", "about.version")
	flag.StringVar(&o.build, "product-build", "", "about.build")
	flag.StringVar(&o.apiVer, "api-version", "", "about.apiVersion")
	flag.StringVar(&o.uuid, "instance-uuid", "", "about.instanceUuid")
	flag.StringVar(&o.seed, "seed", "", "JSON file with changes to make to the inventory before serving")
	flag.StringVar(&o.ready, "ready", "", "write the ready line to this file too, once serving")
	flag.StringVar(&o.trace, "trace", "", "write every SOAP message to this file")
	flag.StringVar(&o.tmp, "tmp", "", "directory for the datastores' files (default: the system's; each virtual machine makes several)")
	flag.BoolVar(&o.parent, "exit-with-stdin", false, "end when standard input closes")
	flag.BoolVar(&o.keepTask, "keep-tasks", false, "keep the tasks that making the inventory left behind")
	flag.BoolVar(&o.verbose, "v", false, "log what the simulator logs to standard error")
	flag.Parse()

	if !o.verbose {
		log.SetOutput(io.Discard)
	}
	if err := run(&o, vpx); err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}

func run(o *options, model *simulator.Model) error {
	began := time.Now()
	if o.model == "esx" {
		esx := simulator.ESX()
		esx.Machine, esx.Datastore, esx.Autostart = model.Machine, model.Datastore, model.Autostart
		model = esx
	}
	about := &model.ServiceContent.About
	for _, f := range []struct {
		to   *string
		from string
	}{{&about.Version, o.version}, {&about.Build, o.build}, {&about.ApiVersion, o.apiVer}, {&about.InstanceUuid, o.uuid}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	about.FullName = fmt.Sprintf("%s %s build-%s", about.Name, about.Version, about.Build)
	model.DelayConfig.Delay, model.DelayConfig.DelayJitter = o.delay, o.jitter
	delays, err := parseDelays(o.methodDelay)
	if err != nil {
		return err
	}
	model.DelayConfig.MethodDelay = delays
	simulator.SessionIdleTimeout = o.idle

	// Datastores and content libraries are directories: keep them in one of ours.
	tmp, err := os.MkdirTemp(o.tmp, "vcsim-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Setenv("TMPDIR", tmp); err != nil {
		return err
	}
	if err := model.Create(); err != nil {
		return fmt.Errorf("making the inventory: %w", err)
	}
	if o.bulk > 0 {
		if err := bulk(o.bulk); err != nil {
			return err
		}
	}
	if o.collector == "strict" {
		installCollector(o)
		fixups()
	}
	svc := model.Service
	svc.RegisterEndpoints = true
	svc.Listen = &url.URL{Host: o.listen}
	if !o.anyLogin {
		svc.Listen.User = url.UserPassword(o.user, o.pass)
	}
	var made *madeCert
	if o.tls {
		if made, err = serverCert(o); err != nil {
			return err
		}
		svc.TLS = &tls.Config{Certificates: []tls.Certificate{made.cert}, MinVersion: tls.VersionTLS12}
	}
	if o.trace != "" {
		f, err := os.Create(o.trace)
		if err != nil {
			return err
		}
		simulator.Trace, simulator.TraceFile = true, f
	}

	s := newSim(o, svc)
	if o.seed != "" {
		text, err := os.ReadFile(o.seed)
		if err != nil {
			return err
		}
		var sd seed
		if err := strictJSON(text, &sd); err != nil {
			return fmt.Errorf("%s: %w", o.seed, err)
		}
		if err := s.apply(&sd); err != nil {
			return fmt.Errorf("%s: %w", o.seed, err)
		}
	}
	if !o.keepTask {
		forgetTasks()
	}

	// NewServer binds the address and registers every endpoint under its public
	// URL. Its listener is then given up for our own front, which can go down
	// and come back.
	srv := svc.NewServer()
	addr := srv.Listener.Addr().String()
	_ = srv.Listener.Close()
	s.front = &front{addr: addr, handler: s, tls: svc.TLS}
	if err := s.front.up(); err != nil {
		return err
	}
	defer s.front.down()

	// What making the inventory needed is garbage now; hand it back.
	debug.FreeOSMemory()

	line := map[string]interface{}{
		"url":      srv.URL.Scheme + "://" + srv.URL.Host + srv.URL.Path,
		"address":  addr,
		"user":     o.user,
		"pid":      os.Getpid(),
		"start_ms": time.Since(began).Milliseconds(),
		"objects":  countKinds(),
		"go":       runtime.Version(),
	}
	if made != nil {
		line["sha256"], line["sha1"] = made.sha256, made.sha1
	}
	if o.control != "" {
		l, err := net.Listen("tcp", o.control)
		if err != nil {
			return err
		}
		line["control"] = "http://" + l.Addr().String()
		go func() { _ = http.Serve(l, s.controlMux()) }()
	}
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
	if o.ready != "" {
		if err := os.WriteFile(o.ready+".part", append(text, '\n'), 0o600); err != nil {
			return err
		}
		if err := os.Rename(o.ready+".part", o.ready); err != nil {
			return err
		}
	}

	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if o.parent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- syscall.SIGTERM
		}()
	}
	<-stop
	return nil
}

func parseDelays(text string) (map[string]int, error) {
	out := map[string]int{}
	for _, one := range strings.Split(text, ",") {
		if one == "" {
			continue
		}
		name, ms, ok := strings.Cut(one, ":")
		n, err := strconv.Atoi(ms)
		if !ok || err != nil {
			return nil, fmt.Errorf("-method-delay: %q is not Name:ms", one)
		}
		out[name] = n
	}
	return out, nil
}

// countKinds counts the inventory by type.
func countKinds() map[string]int {
	n := map[string]int{}
	for _, e := range simulator.Map.All("") {
		n[e.Reference().Type]++
	}
	return n
}

// forgetTasks drops the tasks that making the inventory left in the registry.
func forgetTasks() {
	tm, ok := simulator.Map.Get(*serviceContent().TaskManager).(*simulator.TaskManager)
	if !ok {
		return
	}
	// The registry cannot be walked from outside, but task references are
	// numbered by one counter, so the latest one bounds them all.
	last := 0
	for _, ref := range tm.RecentTask {
		if n, err := strconv.Atoi(strings.TrimPrefix(ref.Value, "task-")); err == nil && n > last {
			last = n
		}
	}
	for n := 1; n <= last; n++ {
		ref := tm.Reference()
		ref.Type, ref.Value = "Task", "task-"+strconv.Itoa(n)
		if simulator.Map.Get(ref) != nil {
			simulator.Map.Remove(ref)
		}
	}
	tm.RecentTask = nil
	for _, e := range simulator.Map.All("") {
		e.Entity().RecentTask = nil
	}
}

func serviceContent() types.ServiceContent {
	return simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content
}
