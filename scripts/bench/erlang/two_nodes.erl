%% The rows of `two-nodes.mjs` on Erlang/OTP: `erl ... -run two_nodes main ROW COUNT SUBSCRIBERS TEXT_BYTES GAP_MS`
%% prints its figure as JSON. The other node is an OS process of its own.
-module(two_nodes).
-export([main/1, echo/0, counter/2, member/3]).

main([Row | Args]) ->
    Numbers = lists:map(fun list_to_integer/1, Args),
    {ok, Peer, Node} = peer:start_link(#{name => peer:random_name(), args => ["-pa", filename:dirname(code:which(?MODULE))]}),
    io:format("~ts~n", [row(Row, Node, Numbers)]),
    peer:stop(Peer),
    halt().

row("one-way", Node, [Count, _, TextBytes, _]) ->
    Text = binary:copy(<<"x">>, TextBytes),
    Pid = spawn(Node, ?MODULE, counter, [Count, self()]),
    per_second(Count, fun() ->
        send(Pid, Text, 0, Count),
        receive counted -> ok end
    end);
row("publish", Node, [Count, Subscribers, TextBytes, _]) ->
    Text = binary:copy(<<"x">>, TextBytes),
    {ok, _} = pg:start_link(),
    {ok, _} = rpc:call(Node, pg, start, [pg]),
    Self = self(),
    [spawn(Node, ?MODULE, member, [Count, Self, bench]) || _ <- lists:seq(1, Subscribers)],
    wait_for(bench, Subscribers),
    per_second(Count * Subscribers, fun() ->
        publish(bench, Text, 0, Count),
        [receive counted -> ok end || _ <- lists:seq(1, Subscribers)]
    end);
row("round-trip", Node, [Count, _, TextBytes, GapMs]) ->
    Text = binary:copy(<<"x">>, TextBytes),
    Pid = spawn(Node, ?MODULE, echo, []),
    Micros = lists:sort([round_trip(Pid, N, Text, GapMs) || N <- lists:seq(0, Count - 1)]),
    At = fun(Share) -> lists:nth(min(Count, trunc(Count * Share) + 1), Micros) end,
    io_lib:format("{\"p50\":~w,\"p99\":~w}", [At(0.5), At(0.99)]).

per_second(Count, Work) ->
    {Micros, _} = timer:tc(Work),
    io_lib:format("{\"perSecond\":~w}", [Count / (Micros / 1000000)]).

send(_, _, Count, Count) -> ok;
send(Pid, Text, N, Count) ->
    Pid ! #{n => N, text => Text},
    send(Pid, Text, N + 1, Count).

publish(_, _, Count, Count) -> ok;
publish(Group, Text, N, Count) ->
    Message = #{n => N, text => Text},
    [Pid ! Message || Pid <- pg:get_members(Group)],
    publish(Group, Text, N + 1, Count).

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
