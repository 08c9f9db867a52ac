package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// podMetrics answers for pods from a Prometheus whose series carry the labels `namespace` and `pod`.
type podMetrics struct {
	names      []string // The gauges that may be asked for.
	prometheus string
	client     kubernetes.Interface
}

// servePodMetrics runs the API server custom.metrics.k8s.io until SIGTERM.
func servePodMetrics(arguments []string) error {
	made := podMetrics{}
	base := cmd.AdapterBase{Name: "prometheus-metrics", FlagSet: pflag.NewFlagSet("prometheus-metrics", pflag.ContinueOnError)}
	base.Flags().StringVar(&made.prometheus, "prometheus", "", "address of Prometheus, http://host:port")
	base.Flags().StringSliceVar(&made.names, "metric", nil, "a gauge that may be asked for; more between commas")
	if err := base.Flags().Parse(arguments); err != nil {
		return err
	}
	if made.prometheus == "" || len(made.names) == 0 {
		return fmt.Errorf("--prometheus and --metric are wanted")
	}
	config, err := base.ClientConfig()
	if err != nil {
		return err
	}
	if made.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	base.WithCustomMetrics(&made)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	return base.Run(stop)
}

func (p *podMetrics) ListAllMetrics() []provider.CustomMetricInfo {
	listed := []provider.CustomMetricInfo{}
	for _, name := range p.names {
		listed = append(listed, provider.CustomMetricInfo{
			GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: name})
	}
	return listed
}

func (p *podMetrics) GetMetricByName(ctx context.Context, pod types.NamespacedName, info provider.CustomMetricInfo,
	_ labels.Selector) (*custom_metrics.MetricValue, error) {
	found, err := p.values(ctx, pod.Namespace, []string{pod.Name}, info)
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, provider.NewMetricNotFoundForError(info.GroupResource, info.Metric, pod.Name)
	}
	return &found.Items[0], nil
}

func (p *podMetrics) GetMetricBySelector(ctx context.Context, namespace string, selector labels.Selector,
	info provider.CustomMetricInfo, _ labels.Selector) (*custom_metrics.MetricValueList, error) {
	pods, err := p.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, pod := range pods.Items {
		names = append(names, pod.Name)
	}
	return p.values(ctx, namespace, names, info)
}

// values gives one sample a pod; a pod that Prometheus knows nothing of has none.
func (p *podMetrics) values(ctx context.Context, namespace string, pods []string, info provider.CustomMetricInfo) (
	*custom_metrics.MetricValueList, error) {
	known := false
	for _, name := range p.names {
		known = known || name == info.Metric
	}
	if !known || info.GroupResource.Resource != "pods" {
		return nil, provider.NewMetricNotFoundError(info.GroupResource, info.Metric)
	}
	list := &custom_metrics.MetricValueList{}
	if len(pods) == 0 {
		return list, nil
	}
	// Names of pods and namespaces are DNS labels: nothing in them means anything to a regular expression but the dot.
	alternatives := strings.ReplaceAll(strings.Join(pods, "|"), ".", `\\.`)
	query := fmt.Sprintf(`max by (pod) (%s{namespace="%s",pod=~"%s"})`, info.Metric, namespace, alternatives)
	samples, err := p.ask(ctx, query)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	for _, one := range samples {
		list.Items = append(list.Items, custom_metrics.MetricValue{
			DescribedObject: custom_metrics.ObjectReference{
				APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: one.pod},
			Metric:    custom_metrics.MetricIdentifier{Name: info.Metric},
			Timestamp: metav1.Time{Time: one.time},
			Value:     *resource.NewMilliQuantity(int64(one.value*1000), resource.DecimalSI),
		})
	}
	return list, nil
}

type sample struct {
	pod   string
	time  time.Time
	value float64
}

// ask runs an instant query.
func (p *podMetrics) ask(ctx context.Context, query string) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address := p.prometheus + "/api/v1/query?" + url.Values{"query": {query}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var told struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any // Seconds, and the number as text.
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", query, told.Error)
	}
	found := []sample{}
	for _, one := range told.Data.Result {
		seconds, fine := one.Value[0].(float64)
		text, also := one.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if !fine || !also || err != nil {
			return nil, fmt.Errorf("%s: not a sample: %v", query, one.Value)
		}
		found = append(found, sample{one.Metric["pod"], time.UnixMilli(int64(seconds * 1000)), value})
	}
	return found, nil
}
