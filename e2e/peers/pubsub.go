package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// runPubSub serves the REST paths of topics in front of Google's fake. A body must be what the published messages say,
// field by field: others are refused, as the API does.
func runPubSub(args []string) error {
	flags := flag.NewFlagSet("pubsub", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:8085", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fake := pstest.NewServer()
	defer fake.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/projects/{project}/topics/{topic}", func(w http.ResponseWriter, r *http.Request) {
		answer(w)(fake.GServer.CreateTopic(r.Context(), &pubsubpb.Topic{Name: strings.TrimPrefix(r.URL.Path, "/v1/")}))
	})
	mux.HandleFunc("POST /v1/projects/{project}/topics/{call}", func(w http.ResponseWriter, r *http.Request) {
		topic, isPublish := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1/"), ":publish")
		request := &pubsubpb.PublishRequest{}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20))
		if err == nil && !isPublish {
			err = status.Error(codes.NotFound, "no such method")
		} else if err == nil {
			err = protojson.Unmarshal(body, request)
		}
		if err != nil {
			answer(w)(nil, err)
			return
		}
		request.Topic = topic
		answer(w)(fake.GServer.Publish(r.Context(), request))
	})
	// What was published: for the test only.
	mux.HandleFunc("GET /messages", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(fake.Messages())
	})
	return http.ListenAndServe(*listen, mux)
}

// answer writes a message or an error as Google's APIs do.
func answer(w http.ResponseWriter) func(message proto.Message, err error) {
	return func(message proto.Message, err error) {
		w.Header().Set("Content-Type", "application/json")
		if err == nil {
			var body []byte
			if body, err = protojson.Marshal(message); err == nil {
				_, _ = w.Write(body)
				return
			}
		}
		code := http.StatusBadRequest
		if status.Code(errors.Unwrap(err)) == codes.NotFound || status.Code(err) == codes.NotFound {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": err.Error()}})
	}
}
