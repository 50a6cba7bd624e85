%% The rows of `two-nodes.mjs` on Erlang/OTP: `erl ... -run two_nodes main ROW COUNT SUBSCRIBERS TEXT_BYTES GAP_MS NODES WARM_UP`
%% prints its figure as JSON. The other nodes are OS processes of their own.
-module(two_nodes).
-export([main/1, echo/0, counter/2, byte_counter/2, member/3, relay/0]).

-define(MESSAGE_BYTES, 100).

main([Row | Args]) ->
    [Count, Subscribers, TextBytes, GapMs, Others, WarmUp] = lists:map(fun list_to_integer/1, Args),
    Started = [start_peer() || _ <- lists:seq(1, Others)],
    Nodes = [Node || {_, Node} <- Started],
    io:format("~ts~n", [row(Row, Nodes, Count, Subscribers, binary:copy(<<"x">>, TextBytes), {GapMs, WarmUp})]),
    [peer:stop(Peer) || {Peer, _} <- Started],
    halt().

start_peer() ->
    {ok, Peer, Node} = peer:start_link(#{name => peer:random_name(), connection => standard_io, args => ["-pa", filename:dirname(code:which(?MODULE))]}),
    {Peer, Node}.

row("one-way", [Node], Count, _, Text, _) ->
    Pid = spawn(Node, ?MODULE, counter, [Count, self()]),
    per_second(Count, fun() ->
        send(Pid, Text, 0, Count),
        receive counted -> ok end
    end);
row("bytes", [Node], Count, _, _, _) ->
    Pid = spawn(Node, ?MODULE, byte_counter, [Count, self()]),
    per_second(Count, fun() ->
        send_bytes(Pid, 0, Count),
        receive counted -> ok end
    end);
row("publish", Nodes, Count, Subscribers, Text, _) ->
    start_members(Nodes, Count, Subscribers),
    per_second(Count * Subscribers, fun() ->
        publish(fun() -> pg:get_members(bench) end, Text, 0, Count),
        [receive counted -> ok end || _ <- lists:seq(1, Subscribers)]
    end);
row("relay", Nodes, Count, Subscribers, Text, _) ->
    start_members(Nodes, Count, Subscribers),
    Relays = [spawn(Node, ?MODULE, relay, []) || Node <- Nodes],
    per_second(Count * Subscribers, fun() ->
        publish(fun() -> Relays end, Text, 0, Count),
        [receive counted -> ok end || _ <- lists:seq(1, Subscribers)]
    end);
row("round-trip", [Node], Count, _, Text, {GapMs, WarmUp}) ->
    Pid = spawn(Node, ?MODULE, echo, []),
    Trips = fun(From, To, Gap) -> [round_trip(Pid, N, Text, Gap) || N <- lists:seq(From, To - 1)] end,
    Trips(0, WarmUp, 0),
    Micros = lists:sort(Trips(WarmUp, WarmUp + Count, GapMs)),
    At = fun(Share) -> lists:nth(min(Count, trunc(Count * Share) + 1), Micros) end,
    io_lib:format("{\"p50\":~w,\"p99\":~w}", [At(0.5), At(0.99)]).

start_members(Nodes, Count, Subscribers) ->
    {ok, _} = pg:start_link(),
    Self = self(),
    Each = Subscribers div length(Nodes),
    [begin
        {ok, _} = rpc:call(Node, pg, start, [pg]),
        [spawn(Node, ?MODULE, member, [Count, Self, bench]) || _ <- lists:seq(1, Each)]
     end || Node <- Nodes],
    wait_for(bench, Subscribers).

per_second(Count, Work) ->
    {Micros, _} = timer:tc(Work),
    io_lib:format("~w", [Count / (Micros / 1000000)]).

send(_, _, Count, Count) -> ok;
send(Pid, Text, N, Count) ->
    Pid ! #{n => N, text => Text},
    send(Pid, Text, N + 1, Count).

send_bytes(_, Count, Count) -> ok;
send_bytes(Pid, N, Count) ->
    Pid ! <<N:32, 0:((?MESSAGE_BYTES - 4) * 8)>>,
    send_bytes(Pid, N + 1, Count).

publish(_, _, Count, Count) -> ok;
publish(Targets, Text, N, Count) ->
    Message = #{n => N, text => Text},
    [Pid ! Message || Pid <- Targets()],
    publish(Targets, Text, N + 1, Count).

relay() ->
    receive Message -> [Pid ! Message || Pid <- pg:get_local_members(bench)] end,
    relay().

round_trip(Pid, N, Text, GapMs) ->
    GapMs > 0 andalso timer:sleep(GapMs),
    StartedAt = erlang:monotonic_time(nanosecond),
    Pid ! {self(), #{n => N, text => Text}},
    receive #{n := N} -> (erlang:monotonic_time(nanosecond) - StartedAt) / 1000 end.

wait_for(Group, Count) ->
    case length(pg:get_members(Group)) of
        Count -> ok;
        _ -> timer:sleep(5), wait_for(Group, Count)
    end.

echo() ->
    receive {From, Message} -> From ! Message end,
    echo().

member(Count, ReplyTo, Group) ->
    ok = pg:join(Group, self()),
    counter(Count, ReplyTo).

counter(Count, ReplyTo) -> count(0, Count, ReplyTo).

count(Count, Count, ReplyTo) -> ReplyTo ! counted;
count(N, Count, ReplyTo) ->
    receive #{n := N, text := Text} when byte_size(Text) > 0 -> count(N + 1, Count, ReplyTo) end.

byte_counter(Count, ReplyTo) -> count_bytes(0, Count, ReplyTo).

count_bytes(Count, Count, ReplyTo) -> ReplyTo ! counted;
count_bytes(N, Count, ReplyTo) ->
    receive <<N:32, _/binary>> = Bytes when byte_size(Bytes) =:= ?MESSAGE_BYTES -> count_bytes(N + 1, Count, ReplyTo) end.
