package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	kubectl "k8s.io/kubectl/pkg/cmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
)

// inheritedListener is the file descriptor on which APIServer finds its listening socket: the parent
// opens it, so that the port is known before the server runs and nobody else can take it.
const inheritedListener = 3

// APIServer runs kube-apiserver with its usual flags on the inherited listener.
func APIServer(args []string) error {
	ctx := genericapiserver.SetupSignalContext()
	server := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range server.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	registry := server.GenericServerRunOptions.ComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	if err := logsapi.ValidateAndApply(server.Logs, registry.FeatureGateFor("kube")); err != nil {
		return err
	}

	file := os.NewFile(inheritedListener, "listener")
	if file == nil {
		return errors.New("no listener was inherited: kube-apiserver is started by `up`")
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return errors.New("no listener was inherited: kube-apiserver is started by `up`")
	}
	server.SecureServing.Listener = listener
	server.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port

	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	if gate, ok := registry.FeatureGateFor("kube").(featuregate.MutableFeatureGate); ok {
		gate.AddMetrics()
	}
	return apiserver.Run(ctx, completed)
}

// ControllerManager runs kube-controller-manager with the process's arguments.
func ControllerManager([]string) error {
	os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	return nil
}

// Scheduler runs kube-scheduler with the process's arguments.
func Scheduler([]string) error {
	os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	return nil
}

// Kubectl runs kubectl with the process's arguments.
func Kubectl([]string) error {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		cmdutil.CheckErr(err)
	}
	return nil
}

// Kwok plays nodes and pods; its flags are kwok's.
func Kwok(args []string) error {
	flags := pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	ctx, _ := kwoklog.InitFlags(context.Background(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		return err
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	// Kubernetes' global --version flag is of another type than the one that cobra would add.
	command.Version = ""
	command.SetArgs(args)
	return command.ExecuteContext(ctx)
}
